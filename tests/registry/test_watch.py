"""Watching: what changed is told once, and an absence changes nothing."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
import sqlalchemy as sa
from structlog.testing import capture_logs

from interlock.registry import Registry, Version, changes

MakePackage = Callable[..., Path]
EVERY = 0.01
PAUSE = partial(time.sleep, EVERY)


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


def later(action: Callable[[], object]) -> threading.Timer:
    """Do something after the watch has looked a few times."""
    timer = threading.Timer(10 * EVERY, action)
    timer.start()
    return timer


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
    watch = changes(released, ["ecg", "ecg:1.1.0"], PAUSE)
    assert versions(next(watch)) == {"ecg": "1.0.0", "ecg:1.1.0": "1.1.0"}


def test_only_what_changed_is_told(released: Registry) -> None:
    """A move of the champion says nothing of references that stayed."""
    watch = changes(released, ["ecg", "ecg:1.1.0"], PAUSE)
    next(watch)
    timer = later(lambda: released.set_alias("ecg", "champion", "1.1.0", "better", force=True))
    assert versions(next(watch)) == {"ecg": "1.1.0"}
    timer.join()


def test_another_alias_on_the_same_version_is_no_change(released: Registry) -> None:
    """Who serves a version has nothing to do when it is called something else besides."""
    watch = changes(released, ["ecg"], PAUSE)
    next(watch)
    released.set_alias("ecg", "staging", "1.0.0", "again")
    timer = later(lambda: released.set_alias("ecg", "champion", "1.1.0", "better", force=True))
    assert versions(next(watch)) == {"ecg": "1.1.0"}
    timer.join()


def test_a_registry_that_is_away_changes_nothing_and_is_logged_once(released: Registry) -> None:
    """What was known stays in force; going and coming back are each said once."""
    watch = changes(released, ["ecg"], PAUSE)
    next(watch)
    away(released)

    def come_back() -> None:
        away(released, back=True)
        time.sleep(10 * EVERY)
        released.set_alias("ecg", "champion", "1.1.0", "better", force=True)

    with capture_logs() as logs:
        timer = later(come_back)
        assert versions(next(watch)) == {"ecg": "1.1.0"}
        timer.join()
    assert [entry["event"] for entry in logs] == ["registry_away", "registry_back"]


def test_a_removed_alias_leaves_the_last_version_in_force(released: Registry) -> None:
    """Nothing is told until the alias is somewhere else."""
    watch = changes(released, ["ecg"], PAUSE)
    next(watch)
    released.remove_alias("ecg", "champion", "oops", force=True)
    with capture_logs() as logs:
        timer = later(lambda: released.set_alias("ecg", "champion", "1.1.0", "better", force=True))
        assert versions(next(watch)) == {"ecg": "1.1.0"}
        timer.join()
    assert "there is no ecg@champion" in logs[0]["reason"]


def test_a_registry_that_is_away_at_the_start_is_waited_for(released: Registry) -> None:
    """A watch may begin before the registry is up."""
    away(released)
    timer = later(lambda: away(released, back=True))
    with capture_logs():
        assert versions(next(changes(released, ["ecg"], PAUSE))) == {"ecg": "1.0.0"}
    timer.join()


def test_a_move_behind_our_back_is_put_on_record_when_seen(released: Registry) -> None:
    """The history is as exact as the watch is frequent."""
    watch: Iterator[dict[str, Version]] = changes(released, ["ecg"], PAUSE)
    next(watch)
    released._backend.set_alias("ecg", "champion", 2)
    next(watch)
    last = released._history.entries("ecg")[-1]
    assert (last.event, last.version) == ("noticed", "1.1.0")
