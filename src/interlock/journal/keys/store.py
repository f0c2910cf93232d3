"""Data keys by subject, wrapped by a master key; and which subjects were erased when."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, TypeVar

import msgspec

from interlock.errors import ConfigurationError, FormatError, KeyStoreError
from interlock.journal.hashing import Hasher, other_key
from interlock.journal.keys.connection import Connection
from interlock.settings import Settings

FORMAT = 1
"""Format of the store's tables. A newer one is refused."""

_TABLES = """
CREATE TABLE IF NOT EXISTS interlock_keys (
    id {blob} PRIMARY KEY, subject {blob} NOT NULL UNIQUE, wrapped {blob} NOT NULL,
    master TEXT NOT NULL, created BIGINT NOT NULL);
CREATE INDEX IF NOT EXISTS interlock_keys_master ON interlock_keys (master);
CREATE TABLE IF NOT EXISTS interlock_erasures (
    subject {blob} PRIMARY KEY, generation BIGINT NOT NULL, moment BIGINT NOT NULL);
CREATE TABLE IF NOT EXISTS interlock_key_state (name TEXT PRIMARY KEY, value BIGINT NOT NULL);
INSERT INTO interlock_key_state VALUES ('generation', 0), ('format', 1) ON CONFLICT DO NOTHING
"""
_ERASE = """
INSERT INTO interlock_erasures
    SELECT ?, value, ? FROM interlock_key_state WHERE name = 'generation'
    ON CONFLICT (subject) DO UPDATE SET generation = excluded.generation, moment = excluded.moment
"""
_MANY = 500  # values in one statement
_PAUSE = 1.0  # seconds before a store that was away is tried again

Wrap = Callable[[bytes], tuple[bytes, str]]
"""Wraps a data key: what it became, and the id of the master key."""
Result = TypeVar("Result")


class Kept(NamedTuple):
    """A data key as it is kept: `id` names it in records, `master` is what has wrapped it."""

    id: bytes
    wrapped: bytes
    master: str


class Erasure(NamedTuple):
    """When a subject was erased: as which of all erasures, and by the clock.

    Clocks are set back at times; what was recorded by somebody who knew of this erasure is newer.
    """

    generation: int
    moment: int


class Holding(msgspec.Struct, frozen=True):
    """How many data keys one master key has wrapped; moments are microseconds since 1970, UTC."""

    master: str
    keys: int
    oldest: int
    newest: int


class Store:
    """Data keys in the database that `connect` leads to. Threads may share it.

    Every method raises KeyStoreError when the database cannot be reached; it is then left alone
    for a second, so that nobody who waits for an answer waits for it again and again.
    """

    def __init__(self, connect: Callable[[], Connection]) -> None:
        self._connect = connect
        self._connection: Connection | None = None
        self._away: tuple[float, str] = (0.0, "")
        self._lock = threading.RLock()

    def close(self) -> None:
        """Give the connection back."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
            self._connection = None

    def obtain(self, subjects: Sequence[bytes], wrap: Wrap) -> dict[bytes, Kept]:
        """The key of each of `subjects`; those that have none get one, whoever asks at once."""
        with self._ready() as connection:
            found = self._of(connection, subjects)
            missing = [subject for subject in subjects if subject not in found]
            if missing:
                made = [(subject, *wrap(secrets.token_bytes(32))) for subject in missing]
                with connection.transaction():
                    for subject, wrapped, master in made:
                        _insert(connection, subject, wrapped, master)
                found = self._of(connection, subjects)
        return found

    def find(self, key: bytes) -> Kept | None:
        """The key with this id; None when it was erased."""
        query = "SELECT id, wrapped, master FROM interlock_keys WHERE id = ?"
        with self._ready() as connection:
            rows = connection.execute(query, (key,))
        return _kept(*rows[0]) if rows else None

    def generation(self) -> int:
        """Counts erasures: as long as it stays the same, no key was erased."""
        query = "SELECT value FROM interlock_key_state WHERE name = 'generation'"
        with self._ready() as connection:
            return int(connection.execute(query)[0][0])

    def erase(self, subjects: Sequence[bytes], also: Sequence[bytes], moment: int) -> int:
        """Forget the keys of `subjects` and of `also`; returns how many there were.

        What is recorded about `subjects` by whoever does not know of this erasure counts as erased;
        so does, where nobody can tell who knew what, all until `moment`.
        """
        with self._ready() as connection, connection.transaction():
            gone = _delete(connection, [*subjects, *also])
            connection.execute(
                "UPDATE interlock_key_state SET value = value + 1 WHERE name = 'generation'"
            )
            for subject in subjects:
                connection.execute(_ERASE, (subject, moment))
        return gone

    def forget(self, subjects: Sequence[bytes]) -> int:
        """Delete the keys of `subjects`, which nothing is sealed with any more."""
        with self._ready() as connection, connection.transaction():
            return _delete(connection, subjects)

    def shred(self) -> None:
        """Leave nothing of deleted keys in the store's own files."""
        with self._ready() as connection:
            connection.shred()

    def erased(self) -> dict[bytes, Erasure]:
        """When each erased subject was erased; moments are microseconds since 1970, UTC."""
        query = "SELECT subject, generation, moment FROM interlock_erasures"
        with self._ready() as connection:
            rows = connection.execute(query)
        return {bytes(subject): Erasure(*when) for subject, *when in rows}

    def tie(self, hasher: Hasher) -> None:
        """Belong to the hash key of `hasher` from the first time on.

        Raises
        ------
        KeyStoreError
            When the store belongs to another one: nobody in it would be found.
        """
        insert = "INSERT INTO interlock_key_state VALUES ('hash key', ?) ON CONFLICT DO NOTHING"
        with self._ready() as connection:
            with connection.transaction():
                connection.execute(insert, (hasher.check,))
            query = "SELECT value FROM interlock_key_state WHERE name = 'hash key'"
            found = int(connection.execute(query)[0][0])
        if found != hasher.check:
            raise other_key("the key store")

    def reach(self, name: str, value: int) -> None:
        """Keep `value` under `name`, unless a greater one is there."""
        statement = (
            "INSERT INTO interlock_key_state VALUES (?, ?) ON CONFLICT (name) DO UPDATE"
            " SET value = excluded.value WHERE interlock_key_state.value < excluded.value"
        )
        with self._ready() as connection, connection.transaction():
            connection.execute(statement, (name, value))

    def reached(self, name: str) -> int:
        """The greatest value that was ever kept under `name`; 0 when there is none."""
        query = "SELECT value FROM interlock_key_state WHERE name = ?"
        with self._ready() as connection:
            found = connection.execute(query, (name,))
        return int(found[0][0]) if found else 0

    def holdings(self) -> list[Holding]:
        """How many keys each master key has wrapped."""
        query = (
            "SELECT master, count(*), min(created), max(created) FROM interlock_keys"
            " GROUP BY master ORDER BY max(created) DESC"
        )
        with self._ready() as connection:
            return [Holding(*row) for row in connection.execute(query)]

    def sample(self, master: str) -> Kept | None:
        """Any key that `master` has wrapped."""
        query = "SELECT id, wrapped, master FROM interlock_keys WHERE master = ? LIMIT 1"
        with self._ready() as connection:
            rows = connection.execute(query, (master,))
        return _kept(*rows[0]) if rows else None

    def rewrap(self, present: str, change: Callable[[Kept], bytes]) -> int:
        """Wrap some keys that are not wrapped by `present` anew; returns how many, 0 at the end.

        Each time some hundreds, all or none: who is interrupted goes on where it was.
        """
        query = "SELECT id, wrapped, master FROM interlock_keys WHERE master <> ? LIMIT ?"
        update = "UPDATE interlock_keys SET wrapped = ?, master = ? WHERE id = ?"
        with self._ready() as connection, connection.transaction():
            rows = [_kept(*row) for row in connection.execute(query, (present, _MANY))]
            for kept in rows:
                connection.execute(update, (change(kept), present, kept.id))
        return len(rows)

    @contextmanager
    def _ready(self) -> Iterator[Connection]:
        """The connection, its tables known to be there; after an error the next is a new one."""
        with self._lock:
            tried, reason = self._away
            if time.monotonic() < tried + _PAUSE:
                raise KeyStoreError(reason)
            try:
                if self._connection is None:
                    self._connection = self._connect()
                    _prepare(self._connection)
                yield self._connection
            except KeyStoreError as error:
                self._away = (time.monotonic(), str(error))
                self.close()
                raise

    def _of(self, connection: Connection, subjects: Sequence[bytes]) -> dict[bytes, Kept]:
        found: dict[bytes, Kept] = {}
        for some in _chunks(subjects):
            query = f"SELECT subject, id, wrapped, master FROM interlock_keys {_among(some)}"  # noqa: S608 - only question marks
            for subject, *kept in connection.execute(query, some):
                found[bytes(subject)] = _kept(*kept)
        return found


def opened(settings: Settings) -> Store:
    """The store that `settings` name. Connects when first used."""
    durable = settings.journal_sync == "always"
    if settings.keys is None:
        path = settings.home / "keys" / "keys.db"
        return Store(lambda: _sqlite(path, durable=durable))
    scheme = settings.keys.partition(":")[0].partition("+")[0]
    if scheme == "sqlite":
        path = Path(settings.keys.partition(":///")[2])
        return Store(lambda: _sqlite(path, durable=durable))
    if scheme in ("postgresql", "postgres"):
        return Store(lambda: _postgresql(settings.keys or ""))
    raise ConfigurationError(
        f"INTERLOCK_KEYS names a {scheme or 'nameless'} database; allowed: sqlite, postgresql"
    )


def there(settings: Settings) -> bool:
    """Whether somebody has made the store already; looks into no database."""
    return settings.keys is not None or (settings.home / "keys" / "keys.db").exists()


def _sqlite(path: Path, *, durable: bool) -> Connection:
    from interlock.journal.keys.sqlite import Sqlite  # noqa: PLC0415 - one of two

    return Sqlite(path, durable=durable)


def _postgresql(url: str) -> Connection:
    from interlock.journal.keys.postgresql import Postgresql  # noqa: PLC0415 - one of two

    return Postgresql(url)


def _prepare(connection: Connection) -> None:
    with connection.transaction():
        for statement in _TABLES.split(";"):
            connection.execute(statement)
    query = "SELECT value FROM interlock_key_state WHERE name = 'format'"
    found = connection.execute(query)[0][0]
    if found > FORMAT:
        raise FormatError(
            f"the key store is of format {found}; this release knows formats up to {FORMAT}"
        )


def _insert(connection: Connection, subject: bytes, wrapped: bytes, master: str) -> None:
    connection.execute(
        "INSERT INTO interlock_keys VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        (secrets.token_bytes(16), subject, wrapped, master, time.time_ns() // 1000),
    )


def _delete(connection: Connection, subjects: Sequence[bytes]) -> int:
    gone = 0
    for some in _chunks(subjects):
        query = f"DELETE FROM interlock_keys {_among(some)} RETURNING id"  # noqa: S608 - only question marks
        gone += len(connection.execute(query, some))
    return gone


def _chunks(values: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    return (values[start : start + _MANY] for start in range(0, len(values), _MANY))


def _among(subjects: Sequence[bytes]) -> str:
    return f"WHERE subject IN ({', '.join('?' * len(subjects))})"


def _kept(key: bytes, wrapped: bytes, master: str) -> Kept:
    return Kept(bytes(key), bytes(wrapped), master)
