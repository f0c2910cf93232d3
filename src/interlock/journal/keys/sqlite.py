"""Data keys in a SQLite file: the default, for servers on one machine."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from interlock import private
from interlock.errors import KeyStoreError
from interlock.journal.keys.connection import BLOB

_PATIENCE = 2.0  # seconds: a worker answers nothing while it waits


class Sqlite:
    """One connection to the file `path`, which is made when it is not there.

    `durable`: what was committed is on the disk. It is with the kernel, at least.
    """

    def __init__(self, path: Path, *, durable: bool) -> None:
        self._path = path
        with self._translated():
            _make(path)
            self._connection = sqlite3.connect(
                path, timeout=_PATIENCE, isolation_level=None, check_same_thread=False
            )
            self._opened = private.identity(path)
            self._write_ahead()
            self._connection.execute(f"PRAGMA synchronous = {'full' if durable else 'normal'}")
            # Deleted keys are overwritten, not just let go of.
            self._connection.execute("PRAGMA secure_delete = on")

    def execute(self, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        with self._translated():
            self._check()
            return self._connection.execute(statement.replace(BLOB, "BLOB"), values).fetchall()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        self.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self.execute("ROLLBACK")
            raise
        self.execute("COMMIT")

    def shred(self) -> None:
        # What secure_delete has overwritten still stands in the log of writes until that is cut.
        deadline = time.monotonic() + 5 * _PATIENCE
        while self.execute("PRAGMA wal_checkpoint(TRUNCATE)")[0][0]:
            if time.monotonic() > deadline:
                raise KeyStoreError(
                    f"the keys in {self._path} are erased, but its log of writes still holds them:"
                    " another process is reading. Run the command again."
                )
            time.sleep(0.02)

    def close(self) -> None:
        self._connection.close()

    def _check(self) -> None:
        """SQLite goes on writing to a file that has no name any more: those keys would be lost."""
        if private.identity(self._path) != self._opened:
            raise KeyStoreError(
                f"the key store {self._path} was deleted or replaced while it was in use;"
                " going on with what is there"
            )

    def _write_ahead(self) -> None:
        """Readers and the writer do not wait for each other.

        Of several that ask for it at once SQLite turns some away without any patience.
        """
        deadline = time.monotonic() + _PATIENCE
        while True:
            try:
                self._connection.execute("PRAGMA journal_mode = wal")
            except sqlite3.OperationalError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.01)
            else:
                return

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise KeyStoreError(f"the key store {self._path} cannot be used: {error}") from None


def _make(path: Path) -> None:
    """The file, readable by its owner only; SQLite gives its other files the same rights."""
    private.folder(path.parent)
    private.file(path)
