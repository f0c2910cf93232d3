"""Replay: the evidence about a rollout, made anew from the journal."""

from __future__ import annotations

import msgspec
import sqlalchemy as sa

from interlock.journal.seal import Clear, Opener
from interlock.rollout import evidence, facts, progress, transition
from interlock.rollout.analysis import analyse
from interlock.rollout.evidence import Evidence
from interlock.rollout.finding import Analysis
from interlock.rollout.learning import learn
from interlock.rollout.plan import EVERYTHING, after
from interlock.rollout.progress import Progress
from interlock.state.rollouts import Record


class Replayed(msgspec.Struct, frozen=True, kw_only=True):
    """What the journal says today of what was seen, and what was `kept` of it then.

    They differ where rows or labels were shipped after their interval had been read, or deleted
    since.
    """

    analysis: Analysis
    kept: Analysis

    @property
    def same(self) -> bool:
        """Whether both have the same verdicts with the same figures."""
        return self.analysis == self.kept


def replay(engine: sa.Engine, record: Record, opener: Opener | None = None) -> Replayed:
    """Look again at all that the last look at `record` had seen.

    Raises
    ------
    DatabaseError, KeyStoreError, FormatError
        When the journal or the record cannot be read.
    """
    seen = progress.read(record)
    told = transition.told(record)
    known = _again(engine, seen, opener or Clear())
    known.requests_before = known.requests - told.analysis.requests
    known.rows_before = known.rows - told.analysis.rows
    step = seen.plan[told.step] if told.step < len(seen.plan) else EVERYTHING
    found = analyse(known, seen.rules, step, after(seen.plan, told.step))
    return Replayed(analysis=found, kept=told.analysis)


def _again(engine: sa.Engine, seen: Progress, opener: Opener) -> Evidence:
    record, rules, last = seen.record, seen.rules, seen.evidence
    known = evidence.fresh(record.started, rules.rollout.errors)
    while known.counted < last.counted or known.judged < last.judged:
        present = seen._replace(evidence=known)
        new = facts.upto(engine, present, counted=last.counted, judged=last.judged, opener=opener)
        known = learn(known, new, record.id)
    return known
