"""Labels that say again what holds already: they are not written a second time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from interlock.journal.sinks.rows import COLUMNS, Cells
from interlock.state import labels
from interlock.state.labels import About
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
    about = [_about(connection, row) for row in rows]
    known = _known(connection, about)
    new = []
    for one, row, whom in zip(cells, rows, about, strict=True):
        said = _said(row) if row["seal"] is None else None
        if said is not None and known.get(whom) == said:
            continue
        known[whom] = said
        new.append(one)
    return new


def _known(connection: sa.Connection, about: Sequence[About]) -> dict[About, _Said | None]:
    """What holds already, as far as it can be read."""
    held = labels.holding(connection, about)
    return {whom: _said(row._asdict()) for whom, row in held.items() if row.seal is None}


def _about(connection: sa.Connection, row: dict[str, Any]) -> About:
    if row["key"] is None or row["at"] is None:
        return About(row["prediction"])
    return labels.about(connection, row["key"], row["at"], row["deployment"])


def _said(row: dict[str, Any]) -> _Said:
    return _Said(*(row[field] for field in _Said._fields))
