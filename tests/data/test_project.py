"""The project's own functions: found beside the policy, never those of another project."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from interlock.data import project
from interlock.errors import ConfigurationError


def folder(parent: Path, name: str, **modules: str) -> Path:
    """A project with these modules."""
    made = parent / name
    made.mkdir()
    for module, text in modules.items():
        (made / f"{module}.py").write_text(text)
    return made


def test_two_projects_with_a_module_of_one_name_are_kept_apart(tmp_path: Path) -> None:
    """Every project has a `train`: each gets its own, and its own helpers with it."""
    text = "import rows\n\ndef fit():\n    return rows.WHO\n"
    one = folder(tmp_path, "one", train=text, rows="WHO = 1\n")
    two = folder(tmp_path, "two", train=text, rows="WHO = 2\n")
    first = project.function("train:fit", one, "train.fit")
    second = project.function("train:fit", two, "train.fit")
    assert (first(), second(), first()) == (1, 2, 1)


def test_the_path_is_as_it_was_afterwards(tmp_path: Path) -> None:
    """Nothing of the project stays importable, also when its code fails."""
    made = folder(tmp_path, "one", train="def fit():\n    raise ValueError('mine')\n")
    before = list(sys.path)
    with pytest.raises(ValueError, match="mine"):
        project.function("train:fit", made, "train.fit")()
    assert sys.path == before


def test_modules_that_python_brings_are_left_alone(tmp_path: Path) -> None:
    """A project with a `types.py` does not make us load Python's own anew."""
    loaded = sys.modules["types"]
    with project.imports(folder(tmp_path, "one", types="")):
        assert sys.modules["types"] is loaded


@pytest.mark.parametrize(
    ("reference", "complaint"),
    [
        ("train", 'write "module:function"'),
        ("train:miss", "train.py has no function miss"),
        ("train:NUMBER", "train.py has no function NUMBER"),
        ("absent:fit", "there is no module 'absent'"),
        ("deep.absent:fit", "there is no module 'deep.absent'"),
    ],
)
def test_a_function_that_is_not_there_is_refused(
    reference: str, complaint: str, tmp_path: Path
) -> None:
    """The message names the key and what is missing."""
    made = folder(tmp_path, "one", train="NUMBER = 1\n")
    with pytest.raises(ConfigurationError, match=complaint):
        project.function(reference, made, "train.fit")


def test_a_library_that_the_project_lacks_is_told_as_python_tells_it(tmp_path: Path) -> None:
    """It is not mistaken for a missing module of the project."""
    made = folder(tmp_path, "one", train="import no_such_library\n")
    with pytest.raises(ModuleNotFoundError, match="no_such_library"):
        project.function("train:fit", made, "train.fit")


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("def fit():\n    deep()\n\ndef deep():\n    raise KeyError('a')\n", "train.py, line 5"),
        ("import json\n\ndef fit():\n    json.loads('{')\n", "train.py, line 4"),
        ("import no_such_library\n", "train.py, line 1"),
        ("def fit(data):\n    return data\n", ""),
        ("def fit(:\n", ""),
    ],
    ids=["below", "in a library", "while it is imported", "at the call", "no Python at all"],
)
def test_an_error_is_laid_at_the_line_of_the_project(text: str, place: str, tmp_path: Path) -> None:
    """What a library raised, at the line that asked for it."""
    with pytest.raises((KeyError, ValueError, ImportError, TypeError, SyntaxError)) as raised:
        project.function("train:fit", folder(tmp_path, "one", train=text), "train.fit")()
    assert project.blame(raised.value) == place


def test_an_error_of_ours_is_not_laid_at_a_project() -> None:
    """Nothing of a project was being called."""
    with pytest.raises(ZeroDivisionError) as raised:
        _ = 1 / 0
    assert project.blame(raised.value) is None
