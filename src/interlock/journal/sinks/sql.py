"""The SQL sink: rows and cursor in one transaction, so that both are kept or neither."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import cached_property

import sqlalchemy as sa

from interlock.journal.foothold import Foothold
from interlock.journal.record import Record
from interlock.journal.sinks import repeats
from interlock.journal.sinks.copy import copy
from interlock.journal.sinks.rows import COLUMNS, Cells, rows
from interlock.journal.sinks.sink import Confirm, certain
from interlock.state import database, schema, subjects
from interlock.state.tables import CURSORS, FAILURES, LABELS, PREDICTIONS


class SqlSink:
    """Predictions, failures and labels in the database at `url`.

    `journal` is the id of the journal that is shipped: several servers may share a database.
    """

    name = "sql"
    whole = False

    def __init__(self, url: str, journal: str) -> None:
        self._url = url
        self._journal = journal

    def cursors(self) -> dict[str, int]:
        schema.ensure(self._engine)
        self._foothold.take()
        query = sa.select(CURSORS.c.segment, CURSORS.c.position).where(self._mine)
        with self._engine.connect() as connection:
            return {row.segment: row.position for row in connection.execute(query)}

    def write(
        self, segment: str, records: Sequence[Record], end: int, confirm: Confirm = certain
    ) -> None:
        made = rows(records)
        self._foothold.check()
        with database.translated(self._engine), self._engine.begin() as connection:
            schema.hold(connection)
            database.lock(connection, subjects.LOCK, shared=True)
            for table, cells in zip((PREDICTIONS, FAILURES, LABELS), made, strict=True):
                new = repeats.without(connection, cells) if cells and table is LABELS else cells
                if new:
                    _insert(connection, table, new)
            self._advance(connection, segment, end)
            confirm()

    def finish(self, segment: str, end: int) -> None:
        self._foothold.check()
        with self._engine.begin() as connection:
            schema.hold(connection)
            self._advance(connection, segment, end)

    def forget(self, segments: Collection[str]) -> None:
        self._foothold.check()
        gone = CURSORS.c.segment.in_(segments)
        with self._engine.begin() as connection:
            connection.execute(sa.delete(CURSORS).where(self._mine, gone))

    def close(self) -> None:
        if "_engine" in self.__dict__:
            self._engine.dispose()

    @property
    def _mine(self) -> sa.ColumnElement[bool]:
        return CURSORS.c.journal == self._journal

    def _advance(self, connection: sa.Connection, segment: str, end: int) -> None:
        connection.execute(_ADVANCE, {"journal": self._journal, "segment": segment, "end": end})

    @cached_property
    def _engine(self) -> sa.Engine:
        return database.engine(self._url)

    @cached_property
    def _foothold(self) -> Foothold:
        return Foothold(self._engine)


_ADVANCE = sa.text(
    "INSERT INTO interlock_cursors (journal, segment, position) VALUES (:journal, :segment, :end)"
    " ON CONFLICT (journal, segment) DO UPDATE SET position = excluded.position"
)


def _insert(connection: sa.Connection, table: sa.Table, cells: list[Cells]) -> None:
    """Insert what is not there yet, by the fastest way that the database has."""
    if connection.dialect.driver == "psycopg":
        copy(connection.connection.driver_connection, table, cells)
        return
    columns = COLUMNS[table]
    marks = ", ".join("?" if connection.dialect.paramstyle == "qmark" else "%s" for _ in columns)
    connection.exec_driver_sql(
        f"INSERT INTO {table.name} ({', '.join(columns)}) VALUES ({marks})"  # noqa: S608
        " ON CONFLICT DO NOTHING",
        cells,
    )
