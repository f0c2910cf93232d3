"""Whether the file of a SQLite database is still the one that was opened."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa

from interlock import private
from interlock.errors import DatabaseError
from interlock.state import database


class Foothold:
    """Notices that somebody has deleted or replaced the file under `engine`.

    SQLite goes on writing to a file that has no name any more, and all of it would be lost.
    """

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        sqlite = engine.dialect.name == "sqlite"
        path = engine.url.database if sqlite else None
        self._path = Path(path) if path and not path.startswith((":", "file:")) else None
        self._opened: tuple[int, int] | None = None

    def take(self) -> None:
        """Once the file is there: take it for the one that is meant from now on."""
        self._opened = self._present()

    def check(self) -> None:
        """DatabaseError when it is another one; the next connection opens what is there by then."""
        if self._opened is not None and self._present() != self._opened:
            self._opened = None
            self._engine.dispose()
            raise DatabaseError(
                f"the file of the database {database.location(self._engine)} was deleted or"
                " replaced while it was in use; beginning anew with what is there"
            )

    def _present(self) -> tuple[int, int] | None:
        return private.identity(self._path) if self._path else None
