"""Records as rows of the tables in `interlock.state.tables`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import msgspec

from interlock.journal.record import Answer, Failure, Label, Record, Row
from interlock.state.tables import FAILURES, LABELS, PREDICTIONS

Cells = tuple[Any, ...]


class Rows(NamedTuple):
    """Rows for each table, their cells in the order of `COLUMNS`."""

    predictions: list[Cells]
    failures: list[Cells]
    labels: list[Cells]


_LATER = {"arrival", "resolved"}  # what the database gives a label, and what is found out later

COLUMNS = {
    table: tuple(column.name for column in table.columns if column.name not in _LATER)
    for table in (PREDICTIONS, FAILURES, LABELS)
}
"""Columns of a row, by table."""


class _Gist(msgspec.Struct, gc=False):
    """Of an answer, what has a column of its own."""

    label: Any = None
    confidence: float | None = None
    value: float | None = None


class _Answered(msgspec.Struct, array_like=True, gc=False):
    """A payload of which only the gist is read: inputs may be long, and probabilities many."""

    inputs: msgspec.Raw
    answer: _Gist


_answered = msgspec.msgpack.Decoder(_Answered).decode


def rows(records: Iterable[Record]) -> Rows:
    """`records` as rows, in their order."""
    made = Rows([], [], [])
    for record in records:
        if isinstance(record, Answer):
            made.predictions.extend(_prediction(record, row) for row in record.rows)
        elif isinstance(record, Failure):
            made.failures.append(_failure(record))
        else:
            made.labels.extend(_label(label) for label in record)
    return made


def _prediction(answer: Answer, row: Row) -> Cells:
    label, score = (None, None) if row.seal is not None else gist(row.payload)
    return (
        row.id,
        answer.moment,
        _text(answer.deployment),
        _text(answer.version),
        _text(answer.arm),
        _text(answer.door),
        answer.key,
        row.subject,
        answer.latency,
        _text(answer.caller),
        _text(label),
        score,
        row.payload,
        row.seal,
        row.primary,
    )


def gist(payload: bytes) -> tuple[str | None, float | None]:
    """The class that was answered and its probability, or the number; (None, None) for vectors."""
    try:
        answer = _answered(payload).answer
    except msgspec.DecodeError:
        return None, None  # kept as it is: one strange payload must not hold up all others
    score = answer.value if answer.confidence is None else answer.confidence
    return (None if answer.label is None else str(answer.label)), score


def _failure(failure: Failure) -> Cells:
    return (
        failure.id,
        failure.moment,
        _text(failure.deployment),
        _text(failure.door),
        _text(failure.code),
        failure.status,
        failure.latency,
        failure.key,
        _text(failure.caller),
        failure.body,
        failure.seal,
        failure.subject,
        _text(failure.version),
        _text(failure.arm),
    )


def _label(label: Label) -> Cells:
    return (
        label.id,
        label.prediction,
        _text(label.deployment),
        label.key,
        label.at,
        label.value,
        label.seal,
        label.observed,
        label.received,
        _text(label.source),
    )


def _text(text: str | None) -> str | None:
    # PostgreSQL's texts cannot hold NUL, and one caller's header must not hold up everybody.
    return text.replace("\0", "\ufffd") if text and "\0" in text else text
