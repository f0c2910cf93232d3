"""The place of a demonstration: a folder with a copy of the project, policies, and a registry."""

from __future__ import annotations

import os
import shutil
from functools import partial
from pathlib import Path

import msgspec

from interlock import policy, settings
from interlock.errors import ConfigurationError
from interlock.policy import FILE
from interlock.policy.writing import toml
from interlock.settings import PREFIX, Settings

ADDED = "demo.toml"
"""What is added to the project's policy, so that weeks fit into a minute."""

_NEEDED = (FILE, ADDED, "train.py", "holdout.py")
_KEPT = ("ACTOR", "HOST", "WORKERS", "DRAIN", "LOG_LEVEL", "LOG_FORMAT")


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where everything is: `home` is the INTERLOCK_HOME of what is run, `project` the copy."""

    home: Path
    project: Path
    settings: Settings
    environment: dict[str, str]

    @property
    def policy(self) -> Path:
        """The policy by which all is done."""
        return self.project / FILE

    @property
    def hasty(self) -> Path:
        """The same without a shadow: for whoever cannot wait."""
        return self.project / "hasty.toml"

    @property
    def asked(self) -> Path:
        """The list of what the ward asked."""
        return self.home / "asked.jsonl"

    def package(self, role: str) -> Path:
        """The package of the version that plays `role`."""
        return self.home / role

    def log(self, name: str) -> Path:
        """What a process beside says."""
        return self.home / f"{name}.log"


def check(project: Path) -> None:
    """Raise ConfigurationError where `project` lacks a file that the demonstration needs."""
    for name in _NEEDED:
        if not (project / name).is_file():
            raise ConfigurationError(
                f"{project / name} is not here: run this in a checkout of Interlock, or say where"
                " the example is with --project"
            )


def prepare(project: Path, current: Settings) -> Place:
    """Empty the folder of the last demonstration, and put a copy of `project` there.

    Nothing outside of it is written to, whatever databases the environment names.
    """
    home = current.home / "demo"
    if home.exists():
        shutil.rmtree(home)
    copy = home / "project"
    shutil.copytree(project, copy, ignore=partial(_left, current.home.resolve()))
    environment = _environment(home)
    place = Place(
        home=home, project=copy, environment=environment, settings=settings.read(environment)
    )
    text = "\n".join((project / name).read_text() for name in (FILE, ADDED))
    place.policy.write_text(text)
    rules = policy.read(place.policy)
    rollout = msgspec.structs.replace(rules.rollout, shadow_first=False)
    place.hasty.write_text(toml(msgspec.structs.replace(rules, rollout=rollout)))
    return place


def _left(home: Path, folder: str, names: list[str]) -> set[str]:
    """What is not copied: what was made from the project, and the copy itself."""
    made = {"dist", "__pycache__"} | (
        {home.name} if Path(folder).resolve() == home.parent else set()
    )
    return made & set(names)


def _environment(home: Path) -> dict[str, str]:
    kept = {PREFIX + name for name in _KEPT}
    mine = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(PREFIX) or name in kept
    }
    return {**mine, f"{PREFIX}HOME": str(home)}
