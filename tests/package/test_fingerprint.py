from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from interlock.errors import ConfigurationError
from interlock.package import fingerprint

FRAME = pd.DataFrame({"age": [61, 48], "dose": [0.5, np.nan], "plan": ["a", None]})


def git(folder: Path, *arguments: str) -> None:
    """Run git in `folder`, deaf to the settings of whoever runs the tests."""
    who = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A work tree with one commit."""
    git(tmp_path, "init", "-q")
    (tmp_path / "train.py").write_text("print()\n")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "first")
    return tmp_path


def test_the_same_rows_have_the_same_fingerprint(tmp_path: Path) -> None:
    """It does not matter which file they came from."""
    FRAME.to_parquet(tmp_path / "rows.parquet")
    once, again = (
        fingerprint.data(FRAME),
        fingerprint.data(pd.read_parquet(tmp_path / "rows.parquet")),
    )
    assert once == again
    assert (once.rows, once.columns) == (2, ("age", "dose", "plan"))
    assert len(once.sha256) == 64


@pytest.mark.parametrize(
    "other",
    [
        FRAME.rename(columns={"age": "years"}),
        FRAME[["dose", "age", "plan"]],
        FRAME.iloc[::-1],
        FRAME.iloc[:1],
        FRAME.astype({"age": "int32"}),
        FRAME.fillna({"plan": ""}),
        FRAME.assign(dose=[0.5, 0.0]),
    ],
)
def test_any_difference_shows(other: pd.DataFrame) -> None:
    """Names, order, types, values and what is missing all count."""
    assert fingerprint.data(other).sha256 != fingerprint.data(FRAME).sha256


@pytest.mark.parametrize(
    ("table", "rows", "columns"),
    [
        (np.zeros((7, 3)), 7, ("input",)),
        ({"a": np.zeros(4), "b": np.zeros((4, 2))}, 4, ("a", "b")),
        ([{"a": 1}, {"b": "x"}], 2, ("a", "b")),
        ([], 0, ()),
    ],
)
def test_every_form_of_data_has_a_fingerprint(
    table: Any, rows: int, columns: tuple[str, ...]
) -> None:
    """Arrays, dicts of arrays and records, as `build` takes them."""
    found = fingerprint.data(table)
    assert (found.rows, found.columns) == (rows, columns)


def test_text_cannot_be_moved_between_columns() -> None:
    """Two tables whose bytes run together alike are still two tables."""
    one = fingerprint.data({"a": np.array([b"x", b"yz"]).astype(object)})
    other = fingerprint.data({"a": np.array([b"xy", b"z"]).astype(object)})
    assert one.sha256 != other.sha256


def test_columns_of_different_length_are_no_table() -> None:
    """Somebody made a mistake; say so."""
    with pytest.raises(ConfigurationError, match="not equally long"):
        fingerprint.data({"a": np.zeros(3), "b": np.zeros(4)})


@pytest.mark.parametrize("table", [3, "rows.csv", {"a": 3}, [[1], [2, 3]]])
def test_what_has_no_rows_is_no_table(table: Any) -> None:
    """A single value, or lists that make no array, are refused by the name of the column."""
    with pytest.raises(ConfigurationError, match=r"^data (input|a): "):
        fingerprint.data(table)


def test_outside_a_work_tree_there_is_no_code_version(tmp_path: Path) -> None:
    """None, and no error."""
    assert fingerprint.code(tmp_path) is None


def test_a_work_tree_without_a_commit_has_no_code_version(tmp_path: Path) -> None:
    """There is no revision to name yet."""
    git(tmp_path, "init", "-q")
    assert fingerprint.code(tmp_path) is None


def test_without_git_there_is_no_code_version(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without git builds packages all the same."""
    monkeypatch.setenv("PATH", "")
    assert fingerprint.code(tree) is None


def test_code_is_a_revision_and_whether_it_was_changed(tree: Path) -> None:
    """Changed tracked files make it dirty; other files lying about do not."""
    clean = fingerprint.code(tree)
    assert clean is not None
    assert (len(clean.revision), clean.dirty) == (40, False)
    (tree / "data.csv").write_text("1")
    assert fingerprint.code(tree) == clean
    (tree / "train.py").write_text("print(1)\n")
    changed = fingerprint.code(tree)
    assert changed is not None
    assert (changed.revision, changed.dirty) == (clean.revision, True)


def test_libraries_are_those_that_took_part() -> None:
    """Python and what is loaded, by distribution name."""
    found = fingerprint.libraries()
    assert {"python", "interlock", "numpy", "pandas"} <= set(found)
    assert found["numpy"] == np.__version__
