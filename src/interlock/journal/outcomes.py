"""Outcomes: predictions beside the truth, as far as it can be told by now."""

from __future__ import annotations

import time
from collections import Counter
from typing import Any, Literal, TypeAlias

import msgspec
import sqlalchemy as sa

from interlock.errors import RequestError
from interlock.journal import labels, payload
from interlock.journal.labels import Truth
from interlock.journal.seal import Clear, Opener
from interlock.signature.schema import Classes, Output, Value, Vector
from interlock.state import labels as kept
from interlock.state.labels import Row

Unit: TypeAlias = Literal["row", "key"]

_MICRO = 1_000_000


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """A prediction and the label in force. Moments are microseconds since 1970, UTC.

    `unit` is what is independent of other outcomes: the prediction's id, or its routing key (a
    hash, in hexadecimal). `weight` is 1 divided by how many rows that unit has. `primary` names the
    row that the caller got, where this is a shadow's answer to the same.
    """

    prediction: str
    unit: str
    weight: float
    moment: int
    version: str
    arm: str
    primary: str | None
    answer: dict[str, Any]
    truth: Truth
    observed: int | None
    received: int
    source: str


class Outcomes(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of the predictions in a stretch of time, and how many rows say nothing.

    Parameters
    ----------
    rows
        Mature predictions that have a label, in the order of their moments.
    units
        How many independent ones they are.
    immature
        Predictions whose label may still come or change.
    unlabelled
        Mature ones without a label.
    keyless
        Labelled ones without a routing key, where keys are the units.
    sealed
        Labelled ones that cannot be opened.
    misfits
        Those whose label is none that such an answer could have.
    """

    rows: tuple[Outcome, ...]
    units: int
    immature: int
    unlabelled: int
    keyless: int
    sealed: int
    misfits: int


def outcomes(
    engine: sa.Engine,
    deployment: str,
    *,
    since: int = 0,
    until: int | None = None,
    now: int | None = None,
    maturity: float = 0.0,
    late: bool = True,
    unit: Unit = "row",
    opener: Opener | None = None,
) -> Outcomes:
    """Predictions of `deployment` from `since` until before `until`, beside their labels.

    Parameters
    ----------
    since, until, now
        Moments in microseconds since 1970. What came after `now` (the present, unless given) is
        left aside, so that the same `now` tells the same whenever it is asked.
    maturity
        Seconds that must have passed since a prediction before it counts: labels that come early
        are no fair sample of all.
    late
        Whether labels and corrections count that came after the maturity. Decisions leave them out:
        then what was decided is what would be decided again.
    unit
        ``key``: all rows of one routing key count as one, and rows without one do not count.
    opener
        Opens what is encrypted; without one it is left out, and counted.

    Raises
    ------
    DatabaseError
        When the database cannot be asked.
    """
    now = time.time_ns() // 1000 if now is None else now
    end = now + 1 if until is None else min(until, now + 1)
    window = round(maturity * _MICRO)
    ripe = now - window
    reader = _Reader(unit, opener or Clear())
    with engine.connect() as connection:
        found = kept.joined(
            connection, deployment, since=since, until=end, now=now, within=None if late else window
        )
        for row in found:
            reader.take(row, mature=row.moment <= ripe)
    return reader.outcomes()


class _Reader:
    """Sorts rows into those that count and those that do not, by the reason."""

    def __init__(self, unit: Unit, opener: Opener) -> None:
        self._by_key = unit == "key"
        self._opener = opener
        self._rows: list[Outcome] = []
        self._aside: Counter[str] = Counter()

    def take(self, row: Row, *, mature: bool) -> None:
        found = self._outcome(row) if mature else "immature"
        if isinstance(found, Outcome):
            self._rows.append(found)
        else:
            self._aside[found] += 1

    def outcomes(self) -> Outcomes:
        sizes = Counter(row.unit for row in self._rows)
        rows = (msgspec.structs.replace(row, weight=1 / sizes[row.unit]) for row in self._rows)
        aside = {
            why: self._aside[why]
            for why in ("immature", "unlabelled", "keyless", "sealed", "misfits")
        }
        return Outcomes(rows=tuple(rows), units=len(sizes), **aside)

    def _outcome(self, row: Row) -> Outcome | str:
        """The outcome in a row, or why there is none."""
        if row.label_id is None:
            return "unlabelled"
        if self._by_key and row.key is None:
            return "keyless"
        stored = self._opener.open(row.seal, row.id, row.payload)
        value = self._opener.open(row.label_seal, row.label_id, row.label_value)
        if stored is None or value is None:
            return "sealed"
        answer = payload.read(stored).answer
        try:
            truth = fitted(labels.value(value), answer)
        except RequestError:
            return "misfits"
        return Outcome(
            prediction=row.id,
            unit=row.key.hex() if self._by_key else row.id,
            weight=1.0,
            moment=row.moment,
            version=row.version,
            arm=row.arm,
            primary=row.primary_id,
            answer=answer,
            truth=truth,
            observed=row.label_observed,
            received=row.label_received,
            source=row.label_source,
        )


def fitted(label: Truth, answer: dict[str, Any]) -> Truth:
    """`label` as a recorded `answer` would say it; RequestError when no such answer could."""
    return labels.loosely(label, output(answer))


def output(answer: dict[str, Any]) -> Output:
    """What kind of output gave a recorded answer, as far as the answer tells.

    >>> output({"label": 1, "confidence": 0.75, "probabilities": {"0": 0.25, "1": 0.75}}).labels
    (0, 1)
    """
    if "probabilities" in answer:
        kind = type(answer["label"])
        return Classes(labels=tuple(kind(name) for name in answer["probabilities"]))
    return Vector(steps=tuple(answer["values"])) if "values" in answer else Value()
