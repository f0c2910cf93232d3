"""What is on record in the end: read from the database, once a server has stopped."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from interlock.journal import segments


def rows(home: Path, table: str = "predictions", moment: str = "moment") -> list[dict[str, Any]]:
    """All rows of a table, in the order of their `moment`s; nothing may be left in the spool."""
    assert segments.listed(home / "journal") == []
    with closing(sqlite3.connect(home / "interlock.db")) as database:
        database.row_factory = sqlite3.Row
        found = database.execute(f"SELECT * FROM interlock_{table} ORDER BY {moment}, id")
        return [dict(row) for row in found]


def ids(home: Path) -> list[str]:
    """Prediction ids."""
    return [row["id"] for row in rows(home)]
