"""What ties data to the hash key that it was recorded by: with another one nobody is found."""

from __future__ import annotations

import sqlalchemy as sa

from interlock.errors import KeyStoreError
from interlock.journal import keys, segments
from interlock.journal.hashing import Hasher, other_key
from interlock.settings import Settings
from interlock.state.tables import TIES

_NAME = "hash key"
_FOUND = sa.select(TIES.c.value).where(TIES.c.name == _NAME)
_INSERT = sa.text(
    "INSERT INTO interlock_ties (name, value) VALUES (:name, :value) ON CONFLICT DO NOTHING"
)


def tie(engine: sa.Engine, hasher: Hasher) -> None:
    """Have the database of `engine` belong to the hash key of `hasher` from the first time on.

    Raises
    ------
    KeyStoreError
        When it belongs to another one.
    DatabaseError
        When it cannot be reached.
    """
    with engine.begin() as connection:
        found = connection.scalar(_FOUND)
        if found is None:
            connection.execute(_INSERT, {"name": _NAME, "value": hasher.check})
            found = connection.scalar(_FOUND)  # another process may have been first
    if found != hasher.check:
        raise other_key(f"the database {engine.url.render_as_string(hide_password=True)}")


def keep_hash_key(settings: Settings) -> None:
    """Refuse to go on where a new hash key would be made although there are data already.

    Raises
    ------
    KeyStoreError
        When neither the variable nor the file has a hash key, and something is on record.
    """
    path = settings.home / "keys" / "hash.key"
    if settings.hash_key is not None or path.exists():
        return
    file = settings.home / "interlock.db"
    if settings.database or file.exists() or keys.there(settings) or _spooled(settings):
        raise KeyStoreError(
            f"there is no hash key in {path}, and data are on record: a new one would find nobody"
            " in them. Set INTERLOCK_HASH_KEY, or put the file back."
        )


def _spooled(settings: Settings) -> bool:
    return bool(segments.listed(settings.spool()))
