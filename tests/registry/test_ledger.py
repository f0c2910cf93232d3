"""Aliases and their history stay together, whatever is interrupted or done behind our back."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
import sqlalchemy as sa

from interlock.errors import ConflictError, RegistryError, UnknownError
from interlock.registry import Registry, ledger, moment
from interlock.registry.entry import Entry
from interlock.settings import Settings

MakePackage = Callable[..., Path]


@pytest.fixture
def released(any_registry: Registry, make_package: MakePackage, name: str) -> Registry:
    """A registry with two versions, the first of which is champion."""
    any_registry.register(make_package(name, "1.0.0"))
    any_registry.register(make_package(name, "1.1.0", weights="new"))
    any_registry.set_alias(name, "champion", "1.0.0", "first release")
    return any_registry


def events(registry: Registry, name: str) -> list[str]:
    """What is on record, in order."""
    return [entry.event for entry in registry._history.entries(name)]


def intend(registry: Registry, name: str, version: str) -> Entry:
    """The first third of a move, after which the mover dies."""
    target = registry.resolve(f"{name}:{version}")
    draft = Entry(
        name=name,
        sequence=0,
        event="intended",
        alias="champion",
        number=target.number,
        version=target.version,
        digest=target.digest,
        actor="bob",
        reason="better recall",
        since="",
        moment="",
    )
    return registry._ledger._intend(draft, {})


def in_five_minutes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let time pass until no mover can still be alive."""
    later = moment.text(datetime.now(UTC) + timedelta(minutes=5))
    monkeypatch.setattr(moment, "now", lambda: later)


def test_history_says_what_was_live_when_by_whom_and_why(released: Registry, name: str) -> None:
    """A move ends one period and begins the next at the same moment."""
    before = moment.now()
    released.set_alias(name, "champion", "1.1.0", "better recall", force=True)
    first, second = released.history(name)
    assert (first.version, first.actor, first.reason) == ("1.0.0", "ann", "first release")
    assert (second.version, second.actor, second.reason) == ("1.1.0", "ann", "better recall")
    assert first.end == second.start
    assert first.covers(before)
    assert second.covers(moment.now())


def test_a_removed_alias_leaves_its_period(released: Registry, name: str) -> None:
    """After the removal nothing is live, and the history says who and why."""
    released.remove_alias(name, "champion", "harmful", force=True)
    first, away = released.history(name)
    assert (first.ended_by, first.ended_because) == ("ann", "harmful")
    assert (away.gone, away.actor, away.reason, away.forced) == (True, "ann", "harmful", True)
    assert (away.start, away.end) == (first.end, None)
    with pytest.raises(UnknownError):
        released.resolve(name)


def test_moving_to_where_it_is_records_nothing(released: Registry, name: str) -> None:
    """The history tells of changes."""
    released.set_alias(name, "champion", "1.0.0", "again")
    assert events(released, name) == ["intended", "moved"]


def test_a_crash_after_the_alias_moved_is_settled(released: Registry, name: str) -> None:
    """Who looks next puts the outcome on record, in the name of who moved it."""
    intend(released, name, "1.1.0")
    released._backend.set_alias(name, "champion", 2)
    live = released.history(name)[-1]
    assert (live.version, live.actor, live.reason) == ("1.1.0", "bob", "better recall")
    assert events(released, name)[2:] == ["intended", "moved"]


def test_a_crash_before_the_alias_moved_is_settled(
    released: Registry, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The version before stays live; the attempt is on record as given up after a minute."""
    intend(released, name, "1.1.0")
    assert [period.version for period in released.history(name)] == ["1.0.0"]
    assert events(released, name)[2:] == ["intended"]
    in_five_minutes(monkeypatch)
    assert [(period.version, period.end) for period in released.history(name)] == [("1.0.0", None)]
    assert events(released, name)[2:] == ["intended", "abandoned"]


def test_an_alias_that_is_being_moved_is_waited_for(
    released: Registry, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who waited in vain is told who is moving it; nothing of theirs is on record."""
    monkeypatch.setattr(ledger, "WAIT", 0.1)
    intend(released, name, "1.1.0")
    with pytest.raises(ConflictError, match=f"bob is moving champion of {name} since 2"):
        released.remove_alias(name, "champion", "harmful", force=True)
    assert events(released, name)[2:] == ["intended"]


def test_an_alias_is_free_again_after_a_crash(
    released: Registry, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What never arrived is given up first, then the new move is made."""
    intend(released, name, "1.1.0")
    in_five_minutes(monkeypatch)
    released.remove_alias(name, "champion", "harmful", force=True)
    assert events(released, name)[2:] == ["intended", "abandoned", "intended", "moved"]


def test_a_move_that_mlflow_refuses_is_given_up_at_once(released: Registry, name: str) -> None:
    """The alias is free for others, and its period goes on."""
    target = released.resolve(f"{name}:1.1.0")
    released._backend._client.delete_model_version(name, "2")
    with pytest.raises(UnknownError):
        released._ledger.move(name, "champion", target, actor="bob", reason="better")
    assert events(released, name)[2:] == ["intended", "abandoned"]
    assert [period.end for period in released.history(name)] == [None]


def test_a_mover_who_was_very_slow_is_named_all_the_same(
    released: Registry, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A move that others had given up is its mover's when it arrives."""
    intent = intend(released, name, "1.1.0")
    in_five_minutes(monkeypatch)
    released.look(name)
    released._backend.set_alias(name, "champion", 2)
    released._ledger._confirm(intent, moment.now())
    live = released.history(name)[-1]
    assert (live.version, live.actor) == ("1.1.0", "bob")


def test_a_look_during_a_move_settles_it_once(released: Registry, name: str) -> None:
    """The mover finds the outcome on record and adds none."""
    intent = intend(released, name, "1.1.0")
    released._backend.set_alias(name, "champion", 2)
    released.look(name)
    released._ledger._confirm(intent, moment.now())
    assert events(released, name)[2:] == ["intended", "moved"]


def test_a_move_behind_our_back_is_noticed(released: Registry, name: str) -> None:
    """A move made with MLflow itself ends the period; nobody is named for it."""
    released._backend.set_alias(name, "champion", 2)
    first, second = released.history(name)
    assert (first.end, first.ended_by) == (second.start, None)
    assert (second.version, second.noticed, second.actor) == ("1.1.0", True, None)


def test_a_removal_behind_our_back_is_noticed(released: Registry, name: str) -> None:
    """Deleting the alias, or the version under it, ends the period; nobody is named for it."""
    released._backend._client.delete_model_version(name, "1")
    first, away = released.history(name)
    assert first.end == away.start
    assert first.ended_by is None
    assert (away.gone, away.noticed, away.actor) == (True, True, None)
    assert events(released, name)[2:] == ["noticed"]


def test_the_history_outlives_its_model(released: Registry, name: str) -> None:
    """What was live is still known when the model is gone from MLflow."""
    released._backend._client.delete_registered_model(name)
    first, away = released.history(name)
    assert (first.version, first.reason) == ("1.0.0", "first release")
    assert first.end == away.start


def test_looking_twice_notices_once(released: Registry, name: str) -> None:
    """What is on record is not put there again."""
    released._backend.set_alias(name, "champion", 2)
    for _ in range(3):
        released.look(name)
    assert events(released, name) == ["intended", "moved", "noticed"]


def test_people_who_move_at_once_leave_a_whole_history(
    released: Registry, settings: Settings, name: str
) -> None:
    """Every move is on record, and the last period is where MLflow has the alias."""

    def move(number: int) -> None:
        actor = f"mover {number}"
        registry = Registry(
            Settings(home=settings.home, tracking_uri=settings.tracking_uri, actor=actor)
        )
        registry.set_alias(name, "champion", f"1.{number % 2}.0", f"reason {number}", force=True)
        registry.close()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(move, range(8)))
    periods = released.history(name)
    assert periods[-1].end is None
    assert periods[-1].number == released.resolve(name).number
    assert all(before.end == after.start for before, after in pairwise(periods))
    assert not any(period.noticed for period in periods)


def test_a_broken_history_is_reported_but_keeps_nobody_from_rolling_back(
    registry: Registry, make_package: MakePackage
) -> None:
    """The entry at fault is named; an alias can still be moved in an emergency."""
    registry.register(make_package())
    registry.set_alias("ecg", "champion", "1.0.0", "first")
    with registry._database.engine.begin() as connection:
        connection.execute(sa.text("DROP TRIGGER interlock_history_update"))
        connection.execute(sa.text("UPDATE interlock_history SET reason = 'another'"))
    with pytest.raises(RegistryError, match="history of ecg is broken at entry 1"):
        registry.history("ecg")
    registry.remove_alias("ecg", "champion", "roll back", force=True)
    with pytest.raises(UnknownError):
        registry.resolve("ecg")
