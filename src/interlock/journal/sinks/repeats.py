"""Labels that say again what holds already: they are not written a second time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from interlock.journal.sinks.rows import COLUMNS, Cells
from interlock.state import labels
from interlock.state.tables import LABELS


class _Said(NamedTuple):
    """What a label says of which prediction, and how it names it."""

    deployment: str | None
    key: bytes | None
    at: int | None
    value: bytes
    source: str


def without(connection: sa.Connection, cells: Sequence[Cells]) -> list[Cells]:
    """Rows of labels without those that the labels in force say already.

    What is sealed cannot be compared without its key, so it is always kept.
    """
    rows = [dict(zip(COLUMNS[LABELS], one, strict=True)) for one in cells]
    about = [_prediction(connection, row) for row in rows]
    holding = labels.current(connection, sorted({name for name in about if name is not None}))
    known: dict[str, _Said | None] = {
        name: _said(row._asdict()) for name, row in holding.items() if row.seal is None
    }
    new = []
    for one, row, name in zip(cells, rows, about, strict=True):
        said = _said(row) if row["seal"] is None else None
        if name is not None and said is not None and known.get(name) == said:
            continue
        if name is not None:
            known[name] = said
        new.append(one)
    return new


def _prediction(connection: sa.Connection, row: dict[str, Any]) -> str | None:
    if row["key"] is None or row["at"] is None:
        named: str | None = row["prediction"]
        return named
    return labels.nearest(connection, row["key"], row["at"], row["deployment"])


def _said(row: dict[str, Any]) -> _Said:
    return _Said(*(row[field] for field in _Said._fields))
