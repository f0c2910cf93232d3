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
from interlock.state import traffic
from interlock.state.rollouts import Record
from interlock.state.traffic import SHADOW, Stretch

AT_ONCE = 50_000
"""Rows that one look reads at most, unless an interval has more: the rest is for the next look."""


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
    mature = ripe - micros(seen.rules.labels.maturity)
    return upto(engine, seen, counted=ripe, judged=mature, opener=opener)


def upto(engine: sa.Engine, seen: Progress, *, counted: int, judged: int, opener: Opener) -> Facts:
    """What happened in the intervals that are over at `counted`, and turned out in those that are
    over at `judged`; the first of them, where they hold very many rows.
    """
    rollout, rules, evidence = seen.record, seen.rules, seen.evidence
    whose = partial(side, rollout)
    with engine.connect() as connection:
        fresh = _over(connection, _stretch(rollout, rules, evidence.counted), counted)
        mature = _over(connection, _stretch(rollout, rules, evidence.judged), judged)
        known = evidence.reference or reference.read(connection, fresh, rollout)
        traffic = counts.read(connection, fresh, rollout, rules.labels.unit, known)
        found = outcomes.read(connection, mature, whose, rules, opener)
    return Facts(
        counted=fresh.until,
        judged=mature.until,
        reference=known,
        counts=traffic,
        outcomes=found.intervals,
        unread=found.unread,
        why=found.why,
    )


def _over(connection: sa.Connection, stretch: Stretch, ripe: int) -> Stretch:
    """`stretch` until its last whole interval that is over when it is `ripe`, or is too much."""
    number = max(0, ripe - stretch.since) // stretch.interval
    whole = msgspec.structs.replace(stretch, until=stretch.since + number * stretch.interval)
    if number <= 1:
        return whole
    return msgspec.structs.replace(whole, until=traffic.reaches(connection, whole, AT_ONCE))


def _stretch(rollout: Record, rules: Rules, since: int) -> Stretch:
    """What begins at `since`, nothing long so far."""
    return Stretch(
        deployment=rollout.deployment,
        origin=rollout.started,
        interval=micros(rules.rollout.interval),
        maturity=micros(rules.labels.maturity),
        since=since,
        until=since,
        arms=(*STEADY, arms(rollout.strategy)[1], SHADOW),
    )
