"""What a store asks of its database, whichever it is."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

BLOB = "{blob}"
"""Stands in statements for the database's type of bytes."""


class Connection(Protocol):
    """A connection that commits each statement by itself, unless a transaction is open.

    Statements are written with ``?`` for values. Every method raises KeyStoreError, naming the
    place without its password; after that the connection is of no more use.
    """

    def execute(self, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]: ...

    def transaction(self) -> AbstractContextManager[None]:
        """All or nothing, with nobody else writing meanwhile."""

    def shred(self) -> None:
        """Leave nothing of deleted rows in the database's files."""

    def close(self) -> None: ...
