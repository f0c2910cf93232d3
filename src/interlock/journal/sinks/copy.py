"""PostgreSQL takes rows fastest by COPY: by way of another table, as that knows no conflicts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from interlock.journal.sinks.rows import COLUMNS, Cells

# What a binary COPY must be told, as it has no text to guess from.
_TYPES = {
    sa.BigInteger: "int8",
    sa.Integer: "int4",
    sa.Double: "float8",
    sa.LargeBinary: "bytea",
    sa.Text: "text",
}


def copy(connection: Any, table: sa.Table, rows: Sequence[Cells]) -> None:
    """Insert the `rows` that are not there yet, in the transaction of psycopg's `connection`."""
    columns = ", ".join(COLUMNS[table])
    incoming = f"{table.name}_incoming"
    with connection.cursor() as cursor:
        cursor.execute(
            f"CREATE TEMPORARY TABLE IF NOT EXISTS {incoming} ON COMMIT DELETE ROWS"  # noqa: S608
            f" AS SELECT {columns} FROM {table.name} WITH NO DATA"
        )
        with cursor.copy(f"COPY {incoming} ({columns}) FROM STDIN (FORMAT BINARY)") as copying:
            copying.set_types([_TYPES[type(table.c[name].type)] for name in COLUMNS[table]])
            for row in rows:
                copying.write_row(row)
        cursor.execute(
            f"INSERT INTO {table.name} ({columns}) SELECT {columns} FROM {incoming}"  # noqa: S608
            " ON CONFLICT DO NOTHING"
        )
