"""Outcomes: how wrong a version and its champion were, interval by interval."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple, TypeAlias

import msgspec
import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from interlock.errors import EvidenceError, RequestError
from interlock.evidence.units import by_key
from interlock.journal import labels, payload
from interlock.journal.outcomes import fitted
from interlock.journal.seal import Opener
from interlock.rollout.counts import Side
from interlock.rollout.losses import Judge
from interlock.rollout.rules import Rules
from interlock.state import traffic
from interlock.state.traffic import Row, Stretch

Losses: TypeAlias = NDArray[np.float64]
Whose: TypeAlias = Callable[[Row], Side | None]

_QUALITY = ""  # what quality is judged by, among the metrics that have a floor


class Outcomes(msgspec.Struct, frozen=True, kw_only=True):
    """Losses in the interval that begins at `start`: of the version's own units and the champion's;
    `paired` are a shadow's minus those of what the caller got. `floors` are the version's (or its
    shadow's) by metric. A unit is a request, or a routing key, and has the mean loss of its rows:
    rows that were sent together depend on each other.
    """

    start: int
    version: Losses
    champion: Losses
    paired: Losses
    floors: dict[str, Losses]


class Found(NamedTuple):
    """Outcomes by interval; how many labelled rows could not be judged, and why the last one."""

    intervals: tuple[Outcomes, ...]
    unread: int
    why: str


class _Judged(NamedTuple):
    start: int
    side: Side
    unit: Hashable
    metric: str
    loss: float
    other: float | None  # of what the caller got, where it is a shadow's


def read(
    connection: sa.Connection, stretch: Stretch, whose: Whose, rules: Rules, opener: Opener
) -> Found:
    """The outcomes of `stretch`, in order; intervals in which nothing was labelled are left out.

    `whose` says to which side a row belongs.
    """
    reader = _Reader(whose, rules, opener)
    unit = rules.labels.unit
    rows = traffic.labelled(connection, stretch, unit) if stretch.since < stretch.until else ()
    judged = [one for row in rows for one in reader.judge(row)]
    if unit == "key":
        judged = _first(judged)
    by_start: dict[int, list[_Judged]] = defaultdict(list)
    for one in judged:
        by_start[one.start].append(one)
    intervals = tuple(_gathered(start, by_start[start]) for start in sorted(by_start))
    return Found(intervals, reader.unread, reader.why)


class _Reader:
    """Opens rows and judges them; counts those that it cannot."""

    def __init__(self, whose: Whose, rules: Rules, opener: Opener) -> None:
        table = rules.rollout
        self._whose = whose
        self._opener = opener
        self._by_key = rules.labels.unit == "key"
        self._judges = {_QUALITY: Judge(table.metric, table.scale)} | {
            metric: Judge(metric, table.scale) for metric in table.floor
        }
        self.unread = 0
        self.why = ""

    def judge(self, row: Row) -> Iterator[_Judged]:
        whose = self._whose(row)
        if whose is None:
            return
        try:
            yield from list(self._judged(row, whose))
        except (EvidenceError, RequestError, msgspec.DecodeError) as error:
            self.unread += 1
            self.why = str(error)

    def _judged(self, row: Row, whose: Side) -> Iterator[_Judged]:
        value = self._open(row.truth_seal, row.truth_id, row.truth_value)
        answer = self._answer(row.seal, row.id, row.payload)
        truth = fitted(labels.value(value), answer)
        unit = row.key if self._by_key else traffic.request(row)
        caller = None
        if row.other_id is not None:
            caller = self._answer(row.other_seal, row.other_id, row.other_payload)
        for metric, judge in self._judges.items():
            if (loss := judge.loss(answer, truth)) is None:
                continue
            compared = caller is not None and metric == _QUALITY
            other = judge.loss(caller, truth) if compared and caller is not None else None
            yield _Judged(row.start, whose, unit, metric, loss, other)

    def _answer(self, seal: bytes | None, record: str, stored: bytes) -> dict[str, Any]:
        return payload.read(self._open(seal, record, stored)).answer

    def _open(self, seal: bytes | None, record: str, stored: bytes) -> bytes:
        clear = self._opener.open(seal, record, stored)
        if clear is None:
            raise EvidenceError("it is encrypted, and its key is not at hand or was deleted")
        return clear


def _first(judged: Sequence[_Judged]) -> list[_Judged]:
    """Only what a key sent in the interval in which it first came, on whichever side."""
    first: dict[Hashable, int] = {}
    for one in judged:
        first[one.unit] = min(one.start, first.get(one.unit, one.start))
    return [one for one in judged if one.start == first[one.unit]]


def _gathered(start: int, judged: Sequence[_Judged]) -> Outcomes:
    quality = [one for one in judged if one.metric == _QUALITY]
    floors = {one.metric for one in judged} - {_QUALITY}
    return Outcomes(
        start=start,
        version=_losses(one for one in quality if one.side == "version"),
        champion=_losses(one for one in quality if one.side == "champion"),
        paired=_differences(quality),
        floors={
            metric: _losses(
                one for one in judged if one.metric == metric and one.side != "champion"
            )
            for metric in sorted(floors)
        },
    )


def _losses(judged: Iterable[_Judged]) -> Losses:
    return _units((one.unit, one.loss) for one in judged)


def _differences(judged: Iterable[_Judged]) -> Losses:
    return _units((one.unit, one.loss - one.other) for one in judged if one.other is not None)


def _units(found: Iterable[tuple[Hashable, float]]) -> Losses:
    """The mean loss of each unit, in the order in which they came."""
    numbers: dict[Hashable, int] = {}
    rows = [(numbers.setdefault(unit, len(numbers)), loss) for unit, loss in found]
    member = np.array([number for number, _ in rows], np.int64)
    losses = np.array([loss for _, loss in rows], np.float64)
    return by_key(member, np.zeros_like(member), losses).loss
