"""A canary that is promoted and one that is withdrawn: every answer of that time, looked at."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import threading
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from interlock.registry import Registry
from interlock.rollout import plan, progress
from interlock.routing.pick import Pick
from interlock.routing.route import LIVE
from interlock.settings import Settings
from interlock.state import database, events
from interlock.state.rollouts import Record, Rollouts
from tests.cli.rolled import order
from tests.serve.conftest import Running, build_beat, serving
from tests.serve.recorded import rows
from tests.serve.wire import Wire, post

# A busy machine must not decide: nothing is too slow here, and classes may move as they like.
POLICY = """
[model]
name = "beat"

[rollout]
interval = 0.5
settle = 0.3
least_seconds = 1.5
least_rows = 20
margin = 0.3
slower = 1.0
shift = 1.0
"""
SECOND = 1_000_000
TAKEN_UP = 3 * SECOND
"""A route must be in force by then; it is after a third of a second when nothing else runs."""
FETCHED = 20 * SECOND
"""One that names a new version, by then: its package has to be fetched and loaded first."""
USUAL = ({"beat": [0.5] * 8}, "middle")
LATER = ({"beat": [-0.5] * 8}, "low")
"""Records and their truths. The third version is wrong on what comes later only."""


class Said(NamedTuple):
    """What a caller was answered, and what was true."""

    id: str
    version: str
    key: str | None
    truth: str


class Caller(threading.Thread):
    """Asks over one connection, half of it by key, and tells the truth a little later."""

    def __init__(self, ward: Ward, number: int) -> None:
        super().__init__()
        self._ward = ward
        self._number = number
        self.said: list[Said] = []
        self.labelled = 0
        self.failures: list[str] = []

    def run(self) -> None:
        with Wire(self._ward.url) as wire:
            for place in itertools.count():
                if self._ward.closed.wait(0.004):
                    return
                key = f"bed {self._number} {place % 60}" if place % 2 else None
                self._ask(wire, key)
                if place % 25 == 24:
                    self._tell(wire)

    def _ask(self, wire: Wire, key: str | None) -> None:
        record, truth = self._ward.now
        headers = [f"Interlock-Key: {key}"] if key else []
        answer = wire.ask(post(record, "/predict", *headers))
        if answer.status != 200:
            self.failures.append(f"{answer.status} {answer.body!r}")
            return
        said = answer.json()
        self.said.append(Said(said["prediction_id"], said["version"], key, truth))

    def _tell(self, wire: Wire) -> None:
        fresh = self.said[self.labelled :]
        given = [{"prediction_id": one.id, "label": one.truth} for one in fresh]
        answer = wire.ask(post(given, "/labels", "Content-Type: application/json"))
        if answer.status != 202:
            self.failures.append(f"{answer.status} {answer.body!r}")
        self.labelled += len(fresh)


class Ward:
    """Callers of the server at `url`; `now` is what they send, and what is true of it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.now = USUAL
        self.closed = threading.Event()
        self.callers = [Caller(self, number) for number in range(4)]

    @contextmanager
    def open(self) -> Iterator[None]:
        for caller in self.callers:
            caller.start()
        try:
            yield
        finally:
            self.closed.set()
            for caller in self.callers:
                caller.join()

    def said(self) -> list[Said]:
        return [one for caller in self.callers for one in caller.said]

    def failures(self) -> list[str]:
        return [one for caller in self.callers for one in caller.failures]


class Era(NamedTuple):
    """From `since` (microseconds) on, `route` was in force; without one, `champion` answered."""

    since: int
    event: str
    pick: Pick | None
    champion: str

    def expects(self, row: dict[str, Any]) -> tuple[str, str]:
        """Arm and version of the answer that is kept in `row`."""
        if self.pick is None:
            return LIVE, self.champion
        arm = self.pick(row["key"] or row["id"].encode())
        return arm.name, arm.version


class State:
    """What the database of `home` says of rollouts."""

    def __init__(self, home: Path) -> None:
        self.engine = database.connect(Settings(home=home))

    def last(self) -> Record | None:
        return next(iter(Rollouts(self.engine).history("beat", 1)), None)

    def is_at(self, version: str, status: str, step: int = 0) -> bool:
        last = self.last()
        found = last is not None and (last.version, last.status) == (version, status)
        return found and last is not None and last.step >= step

    def eras(self) -> list[Era]:
        """Every route of that time, in order, as events and plans tell."""
        found = [Era(0, "begin", None, "1.0.0")]
        for record in reversed(Rollouts(self.engine).history("beat")):
            steps = iter([*progress.read(record).plan, plan.EVERYTHING])
            for event in events.read(self.engine, record.id):
                if event.event in ("started", "widened", "promoting"):
                    route = plan.route(record, next(steps), event.moment)
                    found.append(Era(event.moment, event.event, Pick(route), ""))
                elif event.event in ("promoted", "rolled back"):
                    champion = record.version if event.event == "promoted" else record.champion
                    found.append(Era(event.moment, event.event, None, champion))
        return found


@pytest.fixture
def released(home: Path, registry: Registry, tmp_path: Path) -> Path:
    """A home with 1.0.0 as champion, 1.0.1 that answers the same, and 1.0.2 that does not."""
    (home / "interlock.toml").write_text(POLICY)
    previous = None
    for place, seed in enumerate((0, 0, 5)):
        previous = build_beat(tmp_path / f"beat-{place}", seed, previous)
        registry.register(previous)
    registry.promote("beat", "1.0.0", "champion", "first", force=True)
    return home


@contextmanager
def controlled(home: Path) -> Iterator[None]:
    """`interlock control`, until the block ends."""
    with (home / "control.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "interlock.cli", "control", "--every", "0.2"],
            env={**os.environ, "INTERLOCK_HOME": str(home), "INTERLOCK_ACTOR": "control"},
            stderr=log,
        )
    try:
        yield
    finally:
        process.terminate()
        assert process.wait(20) == 0


def deliver(home: Path, server: Running, ward: Ward, state: State) -> None:
    """A canary until it is promoted, then one that turns out to be wrong at a quarter."""
    force = ("--force", "--reason", "a test")
    order(home, "start", "beat", "1.0.1", *force)
    server.wait_for(lambda: state.is_at("1.0.1", "promoted"), 60)
    assert len([one for one in server.workers() if one["connections"]]) == 2
    order(home, "start", "beat", "1.0.2", *force)
    server.wait_for(lambda: state.is_at("1.0.2", "running", step=2), 60)
    ward.now = LATER
    server.wait_for(lambda: state.is_at("1.0.2", "rolled back", step=2), 60)
    number = max(10_000, len(ward.said()) + 500)
    server.wait_for(lambda: len(ward.said()) >= number, 60)


def test_ten_thousand_requests_over_two_canaries_are_answered_and_recorded_as_routes_say(
    released: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """None fails, each is on record once with the arm and version of a route then in force."""
    with serving(released, "beat", workers=2) as server, controlled(released):
        ward, state = Ward(server.url), State(released)
        with ward.open():
            deliver(released, server, ward, state)
        assert server.stop() == 0
    eras = state.eras()
    state.engine.dispose()
    assert [era.event for era in eras] == [
        "begin",
        *("started", "widened", "widened", "widened", "widened", "promoting", "promoted"),
        *("started", "widened", "widened", "rolled back"),
    ]
    said, kept = ward.said(), rows(released)
    assert ward.failures() == []
    assert rows(released, "failures") == []
    assert len(said) >= 10_000
    assert Counter(row["id"] for row in kept) == Counter(one.id for one in said)
    versions = {row["id"]: row["version"] for row in kept}
    assert [versions[one.id] for one in said] == [one.version for one in said]
    labelled = sum(caller.labelled for caller in ward.callers)
    assert len(rows(released, "labels", "received")) == labelled

    late = delays(eras, kept)
    told = ", ".join(f"{era.event} {late[era.since] / SECOND:.3f}" for era in eras[1:])
    with capsys.disabled():
        print(f"\n{len(said)} requests; seconds until every worker had the route: {told}")
    for era in eras[1:]:
        assert late[era.since] < (FETCHED if era.event == "started" else TAKEN_UP), told
    for caller in ward.callers:
        check_keys(caller.said)


def delays(eras: list[Era], kept: list[dict[str, Any]]) -> Counter[int]:
    """By era: when the last answer was given as the eras before it would have it, after its start.

    Every row must be as its own era wants it, or one before that.
    """
    late: Counter[int] = Counter()
    for row in kept:
        begun = [era for era in eras if era.since <= row["moment"]]
        answered = (row["arm"], row["version"])
        place = next((n for n, era in enumerate(begun[::-1]) if era.expects(row) == answered), None)
        assert place is not None, f"no route ever had {answered} for {row['id']}"
        for era in begun[len(begun) - place :]:
            late[era.since] = max(late[era.since], row["moment"] - era.since)
    return late


def check_keys(said: list[Said]) -> None:
    """A key goes to the new version once; and from one that is withdrawn back, once."""
    seen: dict[str, list[str]] = defaultdict(list)
    for one in said:
        if one.key:
            seen[one.key].append(one.version)
    ways = Counter(tuple(version for version, _ in itertools.groupby(way)) for way in seen.values())
    tried = ("1.0.0", "1.0.1", "1.0.2", "1.0.1")
    assert {tried, tried[:2]} <= set(ways)
    # A caller may have nothing more to ask with a key.
    assert all(way == tried[: len(way)] for way in ways)
