"""Reports: a rollout in the words and figures that people, and other programs, are told."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import sqlalchemy as sa

from interlock.evidence.verdict import COLOURS, Verdict
from interlock.journal.prediction import text
from interlock.rollout import progress, transition
from interlock.rollout.finding import Finding
from interlock.rollout.progress import Progress
from interlock.state import events
from interlock.state.events import Event
from interlock.state.rollouts import Record, Rollouts, Status

STYLES = {**COLOURS, "promoted": "green", "rolled back": "red"}
"""How verdicts and ends are shown in a terminal."""


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """Where a rollout stands. Times are UTC in ISO 8601.

    `verdict` is that of the last look, `sentence` why the rollout is where it is. `share` is what
    the version answers now. `requests` and `rows` are those at this step; `counted` is up to when
    the traffic has been read. `bound` is how much worse than the champion it may still be.
    """

    name: str
    version: str
    champion: str
    strategy: str
    status: Status
    verdict: Verdict
    sentence: str
    step: str
    steps: tuple[str, ...]
    place: int
    share: float
    shadow: bool
    requests: int
    rows: int
    bound: float
    findings: tuple[Finding, ...]
    id: str
    started: str
    since: str
    counted: str
    ended: str | None
    actor: str
    reason: str


def last(engine: sa.Engine, deployment: str) -> Report | None:
    """The rollout of `deployment` that has not ended, or else its last one, if there ever was one.

    Raises
    ------
    DatabaseError, FormatError
        When it cannot be read.
    """
    found = Rollouts(engine).history(deployment, 1)
    return of(found[0], events.read(engine, found[0].id)) if found else None


def of(record: Record, happened: Sequence[Event]) -> Report:
    """What is to be told of `record`, to which that has `happened`."""
    seen, told = progress.read(record), transition.told(record)
    step = seen.step
    looked = record.status in ("running", "paused") and told.decision.sentence
    return Report(
        name=record.deployment,
        version=record.version,
        champion=record.champion,
        strategy=record.strategy,
        status=record.status,
        verdict=told.decision.verdict,
        sentence=looked or (happened[-1].sentence if happened else ""),
        step=step.name,
        steps=tuple(one.name for one in seen.plan),
        place=record.step,
        share=_share(seen),
        shadow=step.shadow and record.ended is None,
        requests=told.analysis.requests,
        rows=told.analysis.rows,
        bound=told.analysis.bound,
        findings=told.analysis.findings,
        id=record.id,
        started=text(record.started),
        since=text(record.since),
        counted=text(record.watermark),
        ended=None if record.ended is None else text(record.ended),
        actor=record.actor,
        reason=record.reason,
    )


def _share(seen: Progress) -> float:
    """What the version of a rollout answers by the route that is in force."""
    status = seen.record.status
    if status in ("promoting", "promoted"):
        return 1.0
    return seen.step.share if status in ("running", "paused") else 0.0
