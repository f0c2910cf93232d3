"""The whole story, of a small project: every process is real, what is asserted is on record."""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import sqlalchemy as sa

from interlock import package
from interlock.demo.tally import Tally
from interlock.registry import Registry, parse
from interlock.rollout import finding, progress
from interlock.settings import Settings
from interlock.state import database, events
from interlock.state.rollouts import Record, Rollouts
from interlock.state.tables import FAILURES, LABELS, PREDICTIONS
from tests.demo.project import port, project, start

__all__ = ["port", "project"]

_SWAP = 3_000_000  # microseconds that a route may take to be in force, on a busy machine


class Told(NamedTuple):
    """What a run of the demonstration printed, and what it left."""

    said: str
    home: Path
    settings: Settings
    engine: sa.Engine

    def rollouts(self) -> list[Record]:
        """The oldest first."""
        return Rollouts(self.engine).history("side")[::-1]


@pytest.fixture
def told(project: Path, port: int) -> Iterator[Told]:
    """A run to its end."""
    with start(project, port) as process:
        said, _ = process.communicate(timeout=500)
    assert process.returncode == 0, said
    home = project / "home" / "demo"
    current = Settings(home=home)
    engine = database.connect(current)
    yield Told(said, home, current, engine)
    engine.dispose()


def allowed(told: Told) -> tuple[list[int], list[set[tuple[str, str]]]]:
    """Moments at which another route came into force, and who may answer from then on, as what."""
    champion, moments, may = "1.0.0", [0], [{("1.0.0", "live")}]
    for rollout in told.rollouts():
        plan = progress.read(rollout).plan
        place = -1
        for event in events.read(told.engine, rollout.id):
            place += event.event in ("started", "widened")
            if event.event in ("started", "widened"):
                step = plan[place]
                arms = {(champion, "champion")} if step.share < 1 else set()
                other = "shadow" if step.shadow else "canary"
                may.append(arms | {(rollout.version, other)})
                moments.append(event.moment)
            elif event.event in ("rolled back", "promoted"):
                champion = rollout.version if event.event == "promoted" else champion
                may.append({(champion, "live")})
                moments.append(event.moment)
    return moments, may


def strays(told: Told) -> list[Any]:
    """Rows whose version and arm are not of the route in force, nor of one just before or after."""
    moments, may = allowed(told)
    query = sa.select(*(PREDICTIONS.c[name] for name in ("id", "moment", "version", "arm")))
    with told.engine.connect() as connection:
        rows = connection.execute(query).all()
    assert len(rows) > 1000
    found = []
    for row in rows:
        since = bisect_right(moments, row.moment - _SWAP) - 1
        until = bisect_right(moments, row.moment + _SWAP)
        if (row.version, row.arm) not in set().union(*may[since:until]):
            found.append(row)
    return found


def recorded(told: Told) -> Mapping[str, str]:
    """The version of every answer that a caller got, by its id."""
    query = sa.select(PREDICTIONS.c.id, PREDICTIONS.c.version).where(PREDICTIONS.c.arm != "shadow")
    with told.engine.connect() as connection:
        return {row.id: row.version for row in connection.execute(query)}


def count(told: Told, table: sa.Table) -> int:
    with told.engine.connect() as connection:
        return int(connection.scalar(sa.select(sa.func.count()).select_from(table)) or 0)


@pytest.mark.timeout(600)
def test_the_faulty_one_is_withdrawn_and_the_better_one_is_champion(told: Told) -> None:
    """The journal and the registry say so, nobody's request failed, and every answer is there."""
    faulty, better = told.rollouts()
    # Gates had stopped the faulty one; it went on by force, which is on record.
    assert progress.read(faulty).rules.forced
    report = json.loads((told.home / "gates" / faulty.version / "report.json").read_text())
    assert '"failed"' in json.dumps(report)
    # It was withdrawn because of its quality.
    assert faulty.status == "rolled back"
    last = events.read(told.engine, faulty.id)[-1]
    assert last.event == "rolled back"
    assert last.actor is None
    assert "quality" in [one.metric for one in finding.read(last.document).failed]
    # The better one went the whole way, by itself and by the gates.
    assert better.status == "promoted"
    assert not progress.read(better).rules.forced
    steps = [one.event for one in events.read(told.engine, better.id) if one.event != "held"]
    assert steps == ["started", "widened", "widened", "widened", "promoting", "promoted"]
    with closing(Registry(told.settings)) as registry:
        champion = registry.resolve(parse("side"))
    assert champion.digest == package.read(told.home / "better").digest
    # What callers got is on record, with the version and the arm of the route.
    tally = Tally(told.home / "asked.jsonl")
    tally.look()
    assert tally.failures == []
    assert count(told, FAILURES) == 0
    kept = recorded(told)
    assert len(tally.versions) > 1000
    assert {one: kept.get(one) for one in tally.versions} == tally.versions
    assert {*kept.values()} == {"1.0.0", faulty.version, better.version}
    assert strays(told) == []
    assert count(told, LABELS) > 1000
    # And the terminal told it.
    assert told.said.count("1.0.0 → ") == 2  # the history of both
    assert f"{faulty.version} was withdrawn by itself, because of quality" in told.said
    assert f"{better.version} is the champion now" in told.said
    assert f"{len(tally.versions):,} requests of the ward answered, none failed" in told.said
