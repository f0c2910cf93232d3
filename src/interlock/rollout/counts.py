"""Counts: what was asked of a version and of its champion, interval by interval."""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec
import sqlalchemy as sa

from interlock.rollout import plan
from interlock.rollout.reference import Reference
from interlock.routing.route import STEADY
from interlock.state import traffic
from interlock.state.rollouts import Record
from interlock.state.traffic import SHADOW, Answered, Row, Stretch, Unit

Cells: TypeAlias = dict[str, int]
Side: TypeAlias = Literal["version", "champion", "shadow"]


class Arm(msgspec.Struct, kw_only=True):
    """One side in one interval: `requests` that were answered, how many of them took longer than
    the reference, how many others `failed` or were `refused` as what the model does not take, and
    how often each class was answered.
    """

    requests: int = 0
    slow: int = 0
    failed: int = 0
    refused: int = 0
    answers: Cells = {}

    @property
    def lost(self) -> int:
        """Requests without an answer."""
        return self.failed + self.refused

    @property
    def asked(self) -> int:
        """All requests."""
        return self.requests + self.lost


class Counts(msgspec.Struct, kw_only=True):
    """The interval that begins at `start`; `pairs` are classes of a shadow and of what the caller
    got instead. Refusals say something of a version that has nothing beside it only when it is
    `alone` by its strategy: elsewhere they are compared with the champion's, or with nothing.
    """

    start: int
    version: Arm
    champion: Arm
    shadow: Arm
    alone: bool = False
    pairs: dict[tuple[str, str], int] = {}

    def of(self, row: Row | Answered, rollout: Record) -> Arm | None:
        """The side that a row belongs to."""
        found = side(rollout, row)
        return None if found is None else getattr(self, found)


def side(rollout: Record, row: Row | Answered) -> Side | None:
    """Whose a row is: None when it is neither the version's nor the champion's."""
    if row.arm in STEADY:
        return "champion" if row.version == rollout.champion else None
    if row.version != rollout.version:
        return None
    return "shadow" if row.arm == SHADOW else "version"


def read(
    connection: sa.Connection,
    stretch: Stretch,
    rollout: Record,
    unit: Unit,
    reference: Reference | None,
) -> tuple[Counts, ...]:
    """Every interval of `stretch` in which anything was asked, in order."""
    if stretch.since >= stretch.until:
        return ()
    seen = _Seen(plan.alone(rollout.strategy))
    limit, edges = (reference.slow, reference.edges) if reference else (None, ())
    for row in traffic.requests(connection, stretch, limit):
        if arm := seen[row.start].of(row, rollout):
            arm.requests += row.number
            arm.slow += row.number if row.slow else 0
    for row in traffic.failures(connection, stretch):
        if arm := seen[row.start].of(row, rollout):
            arm.refused += row.number * row.refused
            arm.failed += row.number * (1 - row.refused)
    for one in traffic.answers(connection, stretch, unit, edges):
        if arm := seen[one.start].of(one, rollout):
            arm.answers[one.cell] = arm.answers.get(one.cell, 0) + one.number
    for pair in traffic.pairs(connection, stretch, unit, edges):
        if pair.version == rollout.version:
            seen[pair.start].pairs[pair.cell, pair.other or ""] = pair.number
    return tuple(seen[start] for start in sorted(seen))


class _Seen(dict[int, Counts]):
    """Intervals by their beginning; they are made when something is found in them."""

    def __init__(self, alone: bool) -> None:
        self._alone = alone

    def __missing__(self, start: int) -> Counts:
        made = Counts(start=start, version=Arm(), champion=Arm(), shadow=Arm(), alone=self._alone)
        self[start] = made
        return made
