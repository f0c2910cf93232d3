"""Watching: what changed is told once, and an absence changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from structlog.testing import capture_logs

from interlock.registry import Registry, Version, Watch

MakePackage = Callable[..., Path]


@pytest.fixture
def released(registry: Registry, make_package: MakePackage) -> Registry:
    """A registry with two versions, the first of which is champion."""
    registry.register(make_package("ecg", "1.0.0"))
    registry.register(make_package("ecg", "1.1.0", weights="new"))
    registry.set_alias("ecg", "champion", "1.0.0", "first")
    return registry


def versions(change: dict[str, Version]) -> dict[str, str]:
    """What changed, in short."""
    return {reference: version.version for reference, version in change.items()}


def away(registry: Registry, *, back: bool = False) -> None:
    """Take MLflow's table of models away, or put it back."""
    before, after = (
        ("elsewhere", "registered_models") if back else ("registered_models", "elsewhere")
    )
    with registry._database.engine.begin() as connection:
        connection.execute(sa.text("PRAGMA legacy_alter_table = ON"))
        connection.execute(sa.text(f"ALTER TABLE {before} RENAME TO {after}"))


def test_the_first_look_tells_where_everything_is(released: Registry) -> None:
    """Who begins to watch need not ask besides."""
    watch = Watch(released, ["ecg", "ecg:1.1.0"])
    assert versions(watch.look()) == {"ecg": "1.0.0", "ecg:1.1.0": "1.1.0"}
    assert versions(watch.known) == {"ecg": "1.0.0", "ecg:1.1.0": "1.1.0"}


def test_only_what_changed_is_told(released: Registry) -> None:
    """A move of the champion says nothing of references that stayed."""
    watch = Watch(released, ["ecg", "ecg:1.1.0"])
    watch.look()
    assert watch.look() == {}
    released.set_alias("ecg", "champion", "1.1.0", "better", force=True)
    assert versions(watch.look()) == {"ecg": "1.1.0"}
    assert watch.look() == {}


def test_another_alias_on_the_same_version_is_no_change(released: Registry) -> None:
    """Who serves a version has nothing to do when it is called something else besides."""
    watch = Watch(released, ["ecg"])
    watch.look()
    released.set_alias("ecg", "staging", "1.0.0", "again")
    assert watch.look() == {}


def test_a_registry_that_is_away_changes_nothing_and_is_logged_once(released: Registry) -> None:
    """What was known stays in force; going and coming back are each said once."""
    watch = Watch(released, ["ecg"])
    watch.look()
    away(released)
    with capture_logs() as logs:
        assert [watch.look() for _ in range(3)] == [{}, {}, {}]
        away(released, back=True)
        assert watch.look() == {}
        released.set_alias("ecg", "champion", "1.1.0", "better", force=True)
        assert versions(watch.look()) == {"ecg": "1.1.0"}
    assert [entry["event"] for entry in logs] == ["registry_away", "registry_back"]


def test_a_removed_alias_leaves_the_last_version_in_force(released: Registry) -> None:
    """Nothing is told until the alias is somewhere else."""
    watch = Watch(released, ["ecg"])
    watch.look()
    released.remove_alias("ecg", "champion", "oops", force=True)
    with capture_logs() as logs:
        assert watch.look() == {}
        assert versions(watch.known) == {"ecg": "1.0.0"}
        released.set_alias("ecg", "champion", "1.1.0", "better", force=True)
        assert versions(watch.look()) == {"ecg": "1.1.0"}
    assert "there is no ecg@champion" in logs[0]["reason"]


def test_a_registry_that_is_away_at_the_start_is_waited_for(released: Registry) -> None:
    """A watch may begin before the registry is up."""
    away(released)
    watch = Watch(released, ["ecg"])
    with capture_logs():
        assert watch.look() == {}
        away(released, back=True)
        assert versions(watch.look()) == {"ecg": "1.0.0"}


def test_a_move_behind_our_back_is_put_on_record_when_seen(released: Registry) -> None:
    """The history is as exact as the watch is frequent."""
    watch = Watch(released, ["ecg"])
    watch.look()
    released._backend.set_alias("ecg", "champion", 2)
    watch.look()
    last = released._history.entries("ecg")[-1]
    assert (last.event, last.version) == ("noticed", "1.1.0")
