"""The place of a demonstration: all in one folder, whatever is there and wherever it is."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from interlock import policy
from interlock.demo import place
from interlock.errors import ConfigurationError
from interlock.settings import Settings
from tests.demo.project import project

__all__ = ["project"]


def test_the_policies_differ_in_the_shadow_only(project: Path) -> None:
    """Both are the project's own with what is added; the hasty one leaves the shadow out."""
    made = place.prepare(project, Settings(home=project / "home"))
    rules, hasty = policy.read(made.policy), policy.read(made.hasty)
    assert rules.model.name == "side"
    assert rules.rollout.steps == (0.2, 0.5, 1.0)
    assert rules.rollout.shadow_first
    assert not hasty.rollout.shadow_first
    shadowed = msgspec.structs.replace(hasty.rollout, shadow_first=True)
    assert msgspec.structs.replace(hasty, rollout=shadowed) == rules


def test_the_folder_is_emptied_and_holds_no_copy_of_itself(project: Path) -> None:
    """Also where it lies within the project, and after another run."""
    current = Settings(home=project / "home")
    first = place.prepare(project, current)
    (first.home / "left").touch()
    (project / "dist").mkdir()
    made = place.prepare(project, current)
    assert not (made.home / "left").exists()
    copied = {path.name for path in made.project.iterdir()}
    assert copied == {"interlock.toml", "hasty.toml", "demo.toml", "train.py", "holdout.py"}


def test_nothing_is_kept_elsewhere(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Databases and registries that the environment names are left alone; who acts is kept."""
    monkeypatch.setenv("INTERLOCK_DATABASE", "postgresql://ward/real")
    monkeypatch.setenv("INTERLOCK_JOURNAL", "off")
    monkeypatch.setenv("INTERLOCK_TRACKING_URI", "http://registry")
    monkeypatch.setenv("INTERLOCK_ACTOR", "ann")
    made = place.prepare(project, Settings(home=project / "home"))
    mine = {name: value for name, value in made.environment.items() if "INTERLOCK" in name}
    assert mine == {"INTERLOCK_ACTOR": "ann", "INTERLOCK_HOME": str(made.home)}
    assert made.settings.database_url() == f"sqlite:///{made.home / 'interlock.db'}"


@pytest.mark.parametrize("name", ["demo.toml", "train.py"])
def test_a_project_that_lacks_a_file_is_refused_by_its_name(project: Path, name: str) -> None:
    """Before anything is emptied or run."""
    (project / name).unlink()
    with pytest.raises(ConfigurationError, match=f"{name} is not here"):
        place.check(project)
