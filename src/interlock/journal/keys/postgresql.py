"""Data keys in PostgreSQL: for servers on several machines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from interlock.errors import ConfigurationError, KeyStoreError
from interlock.journal.keys.connection import BLOB
from interlock.registry import address

_PATIENCE = 2  # seconds: a worker answers nothing while it waits


class Postgresql:
    """One connection to the database at `url`."""

    def __init__(self, url: str) -> None:
        try:
            import psycopg  # noqa: PLC0415 - an extra
        except ModuleNotFoundError:
            raise ConfigurationError(
                "INTERLOCK_KEYS names PostgreSQL: pip install 'interlock[postgres]'"
            ) from None
        self._url = url
        self._error = psycopg.Error
        plain = url.replace("postgresql+psycopg://", "postgresql://", 1)
        with self._translated():
            self._connection = psycopg.connect(plain, autocommit=True, connect_timeout=_PATIENCE)
        for limit in ("statement_timeout", "lock_timeout"):
            self.execute(f"SET {limit} = '{_PATIENCE}s'")

    def execute(self, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        text = statement.replace(BLOB, "BYTEA").replace("?", "%s")
        with self._translated():
            cursor = self._connection.execute(text.encode(), values)
            return cursor.fetchall() if cursor.description else []

    @contextmanager
    def transaction(self) -> Iterator[None]:
        with self._translated(), self._connection.transaction():
            # Writers one after another, as in SQLite: two who ask for the same key get one.
            self._connection.execute(b"SELECT pg_advisory_xact_lock(hashtext('interlock_keys'))")
            yield

    def shred(self) -> None:
        # A plain VACUUM leaves the bytes of deleted rows in the holes of its pages.
        self.execute("SET statement_timeout = 0")
        self.execute("VACUUM FULL interlock_keys")
        self.execute(f"SET statement_timeout = '{_PATIENCE}s'")

    def close(self) -> None:
        self._connection.close()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except self._error as error:
            text = " ".join(address.scrub(str(error), self._url).split())
            where = address.safe(self._url)
            raise KeyStoreError(f"the key store {where} cannot be used: {text}") from None
