"""A new model project, copied from `template/` with its name filled in."""

from __future__ import annotations

import re
from importlib import resources
from pathlib import Path
from string import Template

from interlock.errors import ConfigurationError
from interlock.policy import NAME, NAME_RULE

# Template file to project file. As .gitignore the one would act on our own repository.
FILES = {
    "interlock.toml": "interlock.toml",
    "train.py": "train.py",
    "test_model.py": "test_model.py",
    "record.json": "record.json",
    "README.md": "README.md",
    "gitignore": ".gitignore",
}
NAMED = {"interlock.toml", "README.md"}


def create(name: str, parent: Path) -> Path:
    """Write the project `name` as a directory of that name under `parent`; returns its path.

    An empty directory of that name is used.

    Raises
    ------
    ConfigurationError
        When the name is not one a model may have, the directory holds anything already, or it
        cannot be written.
    """
    if not re.search(NAME, name):
        raise ConfigurationError(f"{name!r} cannot be the name of a model: use {NAME_RULE}")
    directory = parent / name
    try:
        _refuse_occupied(directory)
        directory.mkdir(parents=True, exist_ok=True)
        for source, target in FILES.items():
            (directory / target).write_text(_text(source, name), encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"{directory} cannot be written: {error}") from error
    return directory


def _refuse_occupied(directory: Path) -> None:
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise ConfigurationError(
            f"{directory} exists already and is not an empty directory:"
            " choose another name, or remove it first"
        )


def _text(source: str, name: str) -> str:
    text = resources.files("interlock.train").joinpath("template", source).read_text("utf-8")
    return Template(text).substitute(name=name) if source in NAMED else text
