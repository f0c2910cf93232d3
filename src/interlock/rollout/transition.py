"""Transitions of a rollout: each is one transaction of the record, an event and the route."""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from interlock.evidence.verdict import Verdict
from interlock.rollout import plan, progress
from interlock.rollout.clock import Clock
from interlock.rollout.decide import Decision
from interlock.rollout.finding import Analysis
from interlock.rollout.plan import EVERYTHING, Step
from interlock.rollout.progress import Progress
from interlock.state.events import Event
from interlock.state.rollouts import Record, Rollouts
from interlock.state.routes import Kept

Ending: TypeAlias = Literal["promoted", "rolled back", "aborted"]
Ordered: TypeAlias = Literal["paused", "running", "promoting"]


class Transition:
    """Writes down what was decided. Every method returns the record as it is kept now; None, with
    nothing changed, when somebody else has changed it since it was read.
    """

    def __init__(self, rollouts: Rollouts, now: Clock) -> None:
        self._rollouts = rollouts
        self._now = now

    def hold(self, known: Progress, analysis: Analysis, decision: Decision) -> Record | None:
        """Keep what was learnt. It is told when the verdict is another than before."""
        record, now = known.record, self._now()
        changed = verdict(record) != decision.verdict
        event = _event(record, now, "held", decision.sentence, analysis) if changed else None
        return self._rollouts.change(_learnt(known, analysis, decision), event)

    def pause(self, known: Progress, analysis: Analysis, decision: Decision) -> Record | None:
        """Stay at the step until a person decides."""
        record = _with(_learnt(known, analysis, decision), status="paused")
        event = _event(record, self._now(), "paused", decision.sentence, analysis)
        return self._rollouts.change(record, event)

    def widen(self, known: Progress, analysis: Analysis, decision: Decision) -> Record | None:
        """Go to the next step."""
        now = self._now()
        record = _begun(known, analysis, decision, now)
        step = known.plan[record.step]
        event = _event(record, now, "widened", decision.sentence, analysis)
        return self._rollouts.change(record, event, kept(record, step, now))

    def finish(self, known: Progress, analysis: Analysis, decision: Decision) -> Record | None:
        """Give it all of the traffic, and mean to move the alias."""
        now = self._now()
        record = _with(_begun(known, analysis, decision, now), status="promoting")
        event = _event(record, now, "promoting", decision.sentence, analysis)
        return self._rollouts.change(record, event, kept(record, EVERYTHING, now))

    def roll_back(self, known: Progress, analysis: Analysis, decision: Decision) -> Record | None:
        """Give everything back to the champion, for good."""
        record, now = _learnt(known, analysis, decision), self._now()
        ended = _with(record, status="rolled back", ended=now)
        event = _event(record, now, "rolled back", decision.sentence, analysis)
        return self._rollouts.change(ended, event)

    def end(
        self, record: Record, status: Ending, sentence: str, actor: str | None = None
    ) -> Record | None:
        """End without looking: what it was about is settled elsewhere, or by `actor`."""
        now = self._now()
        event = Event(rollout=record.id, moment=now, event=status, sentence=sentence, actor=actor)
        return self._rollouts.change(_with(record, status=status, ended=now), event)

    def stuck(self, record: Record, sentence: str, *, pause: bool) -> Record | None:
        """Note why the alias could not be moved, and have a person decide when it is not allowed.

        It is told once as long as nothing else is the matter.
        """
        last = told(record)
        decision = Decision("pause" if pause else "hold", sentence, "error")
        said = _with(record, analysis=encoded(record, last.analysis, decision))
        if pause:
            said = _with(said, status="paused")
        name = "paused" if pause else "held"
        event = _event(record, self._now(), name, sentence, last.analysis)
        return self._rollouts.change(said, None if last.decision == decision else event)

    def order(self, record: Record, status: Ordered, sentence: str, actor: str) -> Record | None:
        """What a person ordered: to pause, to go on (its patience begins anew), or to promote.

        To go on is to be at the step again, with its route: a refused promotion has left another.
        """
        now = self._now()
        names = {"paused": "paused", "running": "resumed", "promoting": "promoting"}
        changed = _with(record, status=status)
        if status != "paused":
            changed = _with(changed, since=now)
        event = Event(
            rollout=record.id, moment=now, event=names[status], sentence=sentence, actor=actor
        )
        steps = {"running": progress.read(changed).step, "promoting": EVERYTHING}
        route = kept(changed, steps[status], now) if status in steps else None
        return self._rollouts.change(changed, event, route)


def kept(record: Record, step: Step, moment: int) -> Kept:
    """The route of `step`, as it is written down."""
    document = msgspec.json.encode(plan.route(record, step, moment)).decode()
    return Kept(deployment=record.deployment, revision=moment, document=document, moment=moment)


class Told(msgspec.Struct, frozen=True):
    """What a look found at a step, and what was decided."""

    analysis: Analysis = Analysis()
    decision: Decision = Decision("hold", "", "inconclusive")
    step: int = 0


def told(record: Record) -> Told:
    """What the last look at `record` found and decided."""
    return msgspec.json.decode(record.analysis, type=Told)


def encoded(record: Record, analysis: Analysis, decision: Decision) -> str:
    """What a look at `record` found and decided, as the record keeps it."""
    return msgspec.json.encode(Told(analysis, decision, record.step)).decode()


def verdict(record: Record) -> Verdict:
    """The verdict of the last look."""
    return told(record).decision.verdict


def _learnt(known: Progress, analysis: Analysis, decision: Decision) -> Record:
    return _with(
        known.record,
        evidence=known.evidence.to_json(),
        watermark=known.evidence.counted,
        analysis=encoded(known.record, analysis, decision),
    )


def _begun(known: Progress, analysis: Analysis, decision: Decision, now: int) -> Record:
    """The record at the next step, from whose beginning requests and rows are counted anew."""
    seen = known.evidence
    seen.requests_before, seen.rows_before = seen.requests, seen.rows
    record = _learnt(known, analysis, decision)
    return _with(record, step=record.step + 1, since=now)


def _event(record: Record, now: int, event: str, sentence: str, analysis: Analysis) -> Event:
    return Event(
        rollout=record.id,
        moment=now,
        event=event,
        sentence=sentence,
        document=analysis.to_json(),
    )


def _with(record: Record, **changes: object) -> Record:
    return msgspec.structs.replace(record, **changes)
