"""Facts: what a look at the journal finds of a version and its champion."""

from __future__ import annotations

from functools import partial

import msgspec
import sqlalchemy as sa

from interlock.journal.seal import Opener
from interlock.rollout import counts, outcomes, reference
from interlock.rollout.clock import micros
from interlock.rollout.counts import Counts, side
from interlock.rollout.outcomes import Outcomes
from interlock.rollout.plan import arms
from interlock.rollout.progress import Progress
from interlock.rollout.reference import Reference
from interlock.rollout.rules import Rules
from interlock.routing.route import STEADY
from interlock.state.rollouts import Record
from interlock.state.traffic import SHADOW, Stretch

AT_ONCE = 200
"""Intervals that one look reads at most: who was away for a month catches up by looks."""


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What is new: traffic up to `counted`, outcomes up to `judged`, and the reference.

    `unread` labelled rows could not be judged, the last of them because of `why`.
    """

    counted: int
    judged: int
    reference: Reference | None = None
    counts: tuple[Counts, ...] = ()
    outcomes: tuple[Outcomes, ...] = ()
    unread: int = 0
    why: str = ""


def look(engine: sa.Engine, seen: Progress, now: int, opener: Opener) -> Facts:
    """What happened in the intervals that have closed since what was `seen` was written down.

    Raises
    ------
    DatabaseError, KeyStoreError
        When the journal cannot be read.
    """
    ripe = now - micros(seen.rules.rollout.settle)
    counted, judged = seen.evidence.counted, seen.evidence.judged
    maturity = micros(seen.rules.labels.maturity)
    return between(
        engine,
        seen,
        counted=_over(seen.rules, counted, ripe),
        judged=_over(seen.rules, judged, ripe - maturity),
        opener=opener,
    )


def between(
    engine: sa.Engine, seen: Progress, *, counted: int, judged: int, opener: Opener
) -> Facts:
    """What happened in the intervals up to `counted`, and turned out in those up to `judged`."""
    rollout, rules, evidence = seen.record, seen.rules, seen.evidence
    fresh = _stretch(rollout, rules, evidence.counted, counted)
    mature = _stretch(rollout, rules, evidence.judged, judged)
    whose = partial(side, rollout)
    with engine.connect() as connection:
        known = evidence.reference or reference.read(connection, fresh, rollout)
        traffic = counts.read(connection, fresh, rollout, rules.labels.unit, known)
        found = outcomes.read(connection, mature, whose, rules, opener)
    return Facts(
        counted=counted,
        judged=judged,
        reference=known,
        counts=traffic,
        outcomes=found.intervals,
        unread=found.unread,
        why=found.why,
    )


def _over(rules: Rules, since: int, ripe: int) -> int:
    """Where the last whole interval ends that is over when it is `ripe`; some of very many."""
    interval = micros(rules.rollout.interval)
    return since + min(max(0, ripe - since) // interval, AT_ONCE) * interval


def _stretch(rollout: Record, rules: Rules, since: int, until: int) -> Stretch:
    return Stretch(
        deployment=rollout.deployment,
        origin=rollout.started,
        interval=micros(rules.rollout.interval),
        maturity=micros(rules.labels.maturity),
        since=since,
        until=until,
        arms=(*STEADY, arms(rollout.strategy)[1], SHADOW),
    )
