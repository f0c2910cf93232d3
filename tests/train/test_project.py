"""`interlock init` writes a project that trains, tests and packages itself as it is."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from interlock import package, policy
from interlock.cli import app
from interlock.errors import ConfigurationError
from interlock.train import project


def run(*command: str, cwd: Path) -> str:
    """Output of a command that must succeed."""
    # The plugins of our own tests are no part of a user's project, and slow to load.
    environment = os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = subprocess.run(
        [sys.executable, *command],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh project after `interlock train`."""
    directory = project.create("tumours", tmp_path_factory.mktemp("projects"))
    run("-m", "interlock.cli", "train", cwd=directory)
    return directory


def test_training_builds_a_package_of_named_columns(trained: Path) -> None:
    """The project trains as it is and leaves a whole package in dist/."""
    built = package.verify(trained / "dist" / "tumours-1.0.0")
    assert built.signature.kind == "records"
    assert built.signature.input("radius")
    assert set(built.manifest.metrics) == {"train", "validation", "test"}
    assert built.manifest.metrics["test"]["accuracy"] > 0.85


def test_parameters_are_searched(trained: Path) -> None:
    """`interlock tune` works as it is, too, and its package follows the first one."""
    previous = ("--previous", "dist/tumours-1.0.0")
    run("-m", "interlock.cli", "tune", "--trials", "3", *previous, cwd=trained)
    built = package.verify(trained / "dist" / "tumours-1.0.1")
    assert built.manifest.parents
    assert (trained / "dist" / "tumours-1.0.1-study" / "history.png").is_file()


def test_tests_of_the_project_pass(trained: Path) -> None:
    """The project's own pytest passes, before anything is changed."""
    assert "4 passed" in run("-m", "pytest", "-q", cwd=trained)


def test_name_is_filled_in_and_nothing_is_left_open(tmp_path: Path) -> None:
    """Policy and README carry the name; every file of the template arrives."""
    directory = project.create("my-model.2", tmp_path)
    assert policy.read(directory / "interlock.toml").model.name == "my-model.2"
    assert "gates/my-model.2-1.0.0" in (directory / "README.md").read_text()
    assert {file.name for file in directory.iterdir()} == set(project.FILES.values())
    assert not any("$name" in file.read_text() for file in directory.iterdir())


def test_every_file_of_the_template_is_written() -> None:
    """No file of the template is forgotten in the table."""
    template = Path(project.__file__).parent / "template"
    files = {file.name for file in template.iterdir() if file.name != "__pycache__"}
    assert files == set(project.FILES)


def test_empty_directory_is_used(tmp_path: Path) -> None:
    """A directory made beforehand is fine as long as nothing is in it."""
    (tmp_path / "tumours").mkdir()
    assert (project.create("tumours", tmp_path) / "train.py").is_file()


def test_directory_with_anything_in_it_is_refused(tmp_path: Path) -> None:
    """Nothing of the user's is ever overwritten."""
    (tmp_path / "tumours").mkdir()
    (tmp_path / "tumours" / "notes.txt").write_text("mine")
    with pytest.raises(ConfigurationError, match="exists already and is not an empty directory"):
        project.create("tumours", tmp_path)
    assert [file.name for file in (tmp_path / "tumours").iterdir()] == ["notes.txt"]


def test_file_of_that_name_is_refused(tmp_path: Path) -> None:
    """A file in the way is an error, not a traceback."""
    (tmp_path / "tumours").write_text("mine")
    with pytest.raises(ConfigurationError, match="exists already"):
        project.create("tumours", tmp_path)


def test_directory_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    """Where there is no writing, the error names the directory."""
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match="cannot be written"):
        project.create("tumours", tmp_path / "file")


@pytest.mark.parametrize("name", ["", "..", "a/b", "my model", "-x", "größe", "a" * 101, "x\n"])
def test_bad_name_is_refused_with_the_rule(name: str, tmp_path: Path) -> None:
    """A name that cannot be a model's is refused with what is allowed, and nothing is written."""
    with pytest.raises(ConfigurationError, match="use up to 100 letters, digits"):
        project.create(name, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_command_says_what_to_do_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`interlock init` writes into the current directory and names the next commands."""
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, ["init", "tumours"])
    assert done.exit_code == 0, done.output
    assert (tmp_path / "tumours" / "interlock.toml").is_file()
    for command in ("cd tumours", "train --register", "gate run", "promote", "serve tumours"):
        assert command in done.output


def test_command_refuses_as_the_library_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bad name ends the command with the error of the tree."""
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, ["init", "my model"])
    assert isinstance(done.exception, ConfigurationError)
