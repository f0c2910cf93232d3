"""Deleting what is too old, a little at a time: whoever writes beside it hardly waits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from interlock.state.database import translated
from interlock.state.tables import FAILURES, LABELS, PREDICTIONS

DAY = 86_400_000_000
"""Microseconds."""

_SOME = 5000  # rows that one transaction deletes
_ROW = 400  # bytes that a row takes beside its payload: the other columns and its indexes, about


class Day(msgspec.Struct, frozen=True):
    """What predictions of one day take: `start` in microseconds, `size` in bytes, about."""

    start: int
    rows: int
    size: int


def days(engine: sa.Engine) -> list[Day]:
    """Every day that has predictions, the newest first. Looks at every row."""
    start = (PREDICTIONS.c.moment - PREDICTIONS.c.moment % DAY).label("start")
    payload = sa.func.sum(sa.func.length(PREDICTIONS.c.payload))
    query = sa.select(start, sa.func.count(), payload).group_by(start).order_by(start.desc())
    with engine.connect() as connection:
        found = connection.execute(query).all()
    return [Day(int(day), rows, int(size or 0) + rows * _ROW) for day, rows, size in found]


def size(engine: sa.Engine) -> int:
    """Bytes that the database takes for our tables; SQLite's for the whole file."""
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
            return int(pages) * int(connection.exec_driver_sql("PRAGMA page_size").scalar_one())
        query = sa.text("SELECT pg_total_relation_size(CAST(:name AS regclass))")
        return sum(
            int(connection.execute(query, {"name": table.name}).scalar_one())
            for table in (PREDICTIONS, FAILURES, LABELS)
        )


def delete_before(engine: sa.Engine, moment: int) -> dict[str, int]:
    """Delete predictions and failures from before `moment`, and labels that came before it.

    A label that came later than its prediction went stays until it is too old itself. Returns the
    rows deleted, by table.
    """
    deleted = {
        "predictions": _delete(engine, PREDICTIONS, PREDICTIONS.c.moment < moment),
        "failures": _delete(engine, FAILURES, FAILURES.c.moment < moment),
        "labels": _delete(engine, LABELS, LABELS.c.received < moment),
    }
    if engine.dialect.name == "sqlite" and any(deleted.values()):
        _give_back(engine)
    return deleted


def _delete(engine: sa.Engine, table: sa.Table, condition: sa.ColumnElement[bool]) -> int:
    (key,) = table.primary_key.columns
    total = 0
    while True:
        with engine.begin() as connection:
            some: Sequence[Any] = (
                connection.execute(sa.select(key).where(condition).limit(_SOME)).scalars().all()
            )
            if some:
                connection.execute(sa.delete(table).where(key.in_(some)))
        total += len(some)
        if len(some) < _SOME:
            return total


def _give_back(engine: sa.Engine) -> None:
    """Have SQLite return free pages to the file system."""
    with translated(engine), engine.connect() as used:
        driver = used.connection.driver_connection
        if driver is not None:
            # The first frees one page a step, and only a script is stepped through to its end.
            driver.executescript("PRAGMA incremental_vacuum; PRAGMA wal_checkpoint(TRUNCATE)")
