"""Rollouts, their events and routes in SQL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
import sqlalchemy as sa

from interlock.errors import ConflictError, DatabaseError
from interlock.state import database, events, routes, schema, watches
from interlock.state.events import Event
from interlock.state.rollouts import Record, Rollouts
from interlock.state.routes import Kept
from tests import databases

RECORD = Record(
    id="0001",
    deployment="ecg",
    version="1.1.0",
    digest="sha256:new",
    champion="1.0.0",
    champion_digest="sha256:old",
    strategy="canary",
    plan="[]",
    policy="{}",
    status="running",
    step=0,
    since=1,
    started=1,
    actor="ann",
    reason="",
    watermark=1,
)
ROUTE = Kept(deployment="ecg", revision=1, document="{}", moment=1)


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[sa.Engine]:
    """An empty database of each kind with our tables."""
    with databases.fresh(request.param, tmp_path) as url:
        engine = database.engine(url)
        schema.ensure(engine)
        yield engine
        engine.dispose()


def event(name: str, rollout: str = "0001") -> Event:
    return Event(rollout=rollout, moment=2, event=name, sentence=f"{name}, because")


def route(engine: sa.Engine) -> Kept | None:
    with engine.connect() as connection:
        return routes.read(connection, "ecg")


@pytest.fixture
def rollouts(engine: sa.Engine) -> Rollouts:
    """One rollout has begun."""
    made = Rollouts(engine)
    made.begin(RECORD, event("started"), ROUTE)
    return made


def test_what_begins_is_kept_with_its_event_and_route(
    engine: sa.Engine, rollouts: Rollouts
) -> None:
    """All three, or none."""
    assert rollouts.running("ecg") == RECORD
    assert rollouts.find("0001") == RECORD
    assert rollouts.all_running() == rollouts.history("ecg") == [RECORD]
    assert rollouts.deployments() == ["ecg"]
    assert [one.event for one in events.read(engine, "0001")] == ["started"]
    assert route(engine) == ROUTE


def test_a_second_one_of_a_deployment_is_refused_with_nothing_changed(
    engine: sa.Engine, rollouts: Rollouts
) -> None:
    """The database itself holds that, whoever asks at the same moment."""
    other = msgspec.structs.replace(RECORD, id="0002", version="1.2.0")
    later = msgspec.structs.replace(ROUTE, revision=9)
    with pytest.raises(ConflictError, match="ecg has a rollout already"):
        rollouts.begin(other, event("started", "0002"), later)
    assert rollouts.history("ecg") == [RECORD]
    assert events.read(engine, "0002") == []
    assert route(engine) == ROUTE
    elsewhere = msgspec.structs.replace(other, deployment="stay")
    rollouts.begin(
        elsewhere, event("started", "0002"), msgspec.structs.replace(later, deployment="stay")
    )
    assert [one.id for one in rollouts.all_running()] == ["0001", "0002"]


def test_a_change_moves_record_event_and_route_together(
    engine: sa.Engine, rollouts: Rollouts
) -> None:
    """And the next change has to rest on this one."""
    wider = msgspec.structs.replace(ROUTE, revision=2)
    kept = rollouts.change(msgspec.structs.replace(RECORD, step=1), event("widened"), wider)
    assert kept == msgspec.structs.replace(RECORD, step=1, revision=2)
    assert rollouts.find("0001") == kept
    assert route(engine) == wider
    assert [one.sequence for one in events.read(engine, "0001")] == [1, 2]


def test_a_lost_race_changes_nothing(engine: sa.Engine, rollouts: Rollouts) -> None:
    """Who has seen an older state is told so."""
    first = rollouts.change(msgspec.structs.replace(RECORD, step=1), event("widened"))
    wider = msgspec.structs.replace(ROUTE, revision=2)
    assert rollouts.change(msgspec.structs.replace(RECORD, step=3), event("late"), wider) is None
    assert rollouts.find("0001") == first
    assert [one.event for one in events.read(engine, "0001")] == ["started", "widened"]
    assert route(engine) == ROUTE


def test_the_end_takes_the_route_away_and_makes_room(engine: sa.Engine, rollouts: Rollouts) -> None:
    """The champion answers everything again, and the next rollout may begin."""
    ended = msgspec.structs.replace(RECORD, status="rolled back", ended=5)
    assert rollouts.change(ended, event("rolled back"), ROUTE) is not None
    assert route(engine) is None
    assert rollouts.running("ecg") is None
    again = msgspec.structs.replace(RECORD, id="0002", started=6)
    rollouts.begin(again, event("started", "0002"), ROUTE)
    assert [one.id for one in rollouts.history("ecg")] == ["0002", "0001"]
    assert [one.id for one in rollouts.history("ecg", 1)] == ["0002"]


def test_the_newest_is_the_last_that_began_though_the_clock_went_back(
    rollouts: Rollouts,
) -> None:
    """Neither moments nor ids, which have the moment in them, tell the order."""
    ended = msgspec.structs.replace(RECORD, status="aborted", ended=3)
    assert rollouts.change(ended)
    again = msgspec.structs.replace(RECORD, id="0000", started=0, since=0, watermark=0)
    rollouts.begin(again, event("started", "0000"), ROUTE)
    other = msgspec.structs.replace(again, id="0003", deployment="stay", started=2)
    rollouts.begin(other, event("started", "0003"), ROUTE)
    assert [one.id for one in rollouts.history("ecg")] == ["0000", "0001"]
    assert rollouts.history("ecg", 1) == [again]
    assert rollouts.all_running() == [again, other]


def test_an_event_that_cannot_be_written_leaves_everything(
    engine: sa.Engine, rollouts: Rollouts
) -> None:
    """One transaction: without the event there is no change."""
    broken = msgspec.structs.replace(event("widened"), sentence=None)
    with pytest.raises(DatabaseError):
        rollouts.change(msgspec.structs.replace(RECORD, step=1), broken)
    assert rollouts.find("0001") == RECORD


def test_routes_replace_each_other(engine: sa.Engine) -> None:
    """One a deployment, the newest; all of them in order of names."""
    later = Kept(deployment="ecg", revision=2, document='{"a": 1}', moment=3)
    other = Kept(deployment="aid", revision=1, document="{}", moment=3)
    with engine.begin() as connection:
        for one in (ROUTE, later, other):
            routes.write(connection, one)
        assert routes.everything(connection) == [other, later]
        routes.remove(connection, "ecg")
        assert routes.read(connection, "ecg") is None


def test_a_watch_is_changed_only_by_who_has_seen_it(engine: sa.Engine) -> None:
    """Two that begin at once, or go on at once: one of them is told to look again."""
    assert watches.read(engine, "ecg") is None
    new = watches.Kept(deployment="ecg", document="1")
    first = watches.write(engine, new)
    assert first is not None
    assert watches.write(engine, new, event("late")) is None
    second = watches.write(engine, msgspec.structs.replace(first, document="2"), event("told"))
    assert watches.write(engine, msgspec.structs.replace(first, document="3")) is None
    assert watches.read(engine, "ecg") == second
    assert [one.event for one in events.read(engine, "0001")] == ["told"]
