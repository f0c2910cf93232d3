"""Versions and aliases in MLflow's own tables, without MLflow, which takes seconds to import.

A rollback does not wait for seconds. So where the registry is a database whose tables are laid out
as we know them, they are read directly, and aliases are moved in them; anything else, such as files
and new versions, is left to MLflow. It keeps the revision of its tables in the database: with one
that is not in `KNOWN`, everything goes through MLflow.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa

from interlock.errors import RegistryError, UnknownError
from interlock.registry import address, marks
from interlock.registry.database import Database
from interlock.registry.marks import Facts
from interlock.registry.version import Version

KNOWN = frozenset({"dc11669786a5"})
"""Revisions of MLflow's tables in which those below are as they are written here."""

_DELETED = "Deleted_Internal"
"""The stage of versions that MLflow has deleted, and keeps."""
_WORKSPACE = "default"
"""The only one that MLflow's client works in unless it is told of another."""


def _table(name: str, *columns: str) -> sa.TableClause:
    return sa.table(name, *(sa.column(one) for one in ("workspace", "name", *columns)))


_MODELS = _table("registered_models")
_ALIASES = _table("registered_model_aliases", "alias", "version")
_VERSIONS = _table("model_versions", "version", "creation_time", "run_id", "current_stage")
_TAGS = _table("model_version_tags", "version", "key", "value")


class Direct:
    """MLflow's tables in one database; methods are those of `Backend` and raise what they raise."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def known(self) -> bool:
        """Whether the tables are there, and as we know them."""
        with self._database.translated(), self._database.engine.connect() as connection:
            if not sa.inspect(connection).has_table("alembic_version"):
                return False
            version: sa.ColumnClause[str] = sa.column("version_num")
            query = sa.select(version).select_from(sa.table("alembic_version"))
            return set(connection.execute(query).scalars()) <= KNOWN

    def models(self) -> list[str]:
        """Names of all registered models, sorted."""
        query = sa.select(_MODELS.c.name).where(_MODELS.c.workspace == _WORKSPACE)
        with self._connected() as connection:
            return sorted(connection.execute(query).scalars())

    def aliases(self, name: str) -> dict[str, int]:
        """MLflow's number of the version that each alias of the model is on."""
        with self._connected() as connection:
            self._check_model(connection, name)
            return _aliases(connection, name)

    def versions(self, name: str) -> list[Version]:
        """The model's versions that Interlock registered, oldest first."""
        with self._connected() as connection:
            self._check_model(connection, name)
            return _read(connection, name)

    def find(self, name: str, *, version: str | None = None, digest: str | None = None) -> Version:
        """The version with this semantic version or digest; the oldest, should there be two."""
        named = (marks.VERSION, version) if version is not None else (marks.DIGEST, digest)
        tagged = sa.select(_TAGS.c.version).where(
            _named(_TAGS, name), _TAGS.c.key == named[0], _TAGS.c.value == named[1]
        )
        with self._connected() as connection:
            self._check_model(connection, name)
            found = _read(connection, name, _VERSIONS.c.version.in_(tagged))
        if not found:
            raise UnknownError(f"{name} has no version with {named[0]} {named[1]}")
        return found[0]

    def behind(self, name: str, alias: str) -> Version | None:
        """The version that `alias` is on; None where Interlock did not register it."""
        number = self.aliases(name).get(alias)
        if number is None:
            raise self._unknown(f"{name} has no alias {alias}")
        return self.numbered(name, number)

    def numbered(self, name: str, number: int) -> Version | None:
        """The version that MLflow numbers so; None where Interlock did not register it."""
        with self._connected() as connection:
            self._check_version(connection, name, number)
            return next(iter(_read(connection, name, _VERSIONS.c.version == number)), None)

    def set_alias(self, name: str, alias: str, number: int) -> None:
        """Put `alias` on the version that MLflow numbers `number`."""
        move = sa.update(_ALIASES).where(_named(_ALIASES, name), _ALIASES.c.alias == alias)
        begin = sa.insert(_ALIASES).values(workspace=_WORKSPACE, name=name, alias=alias)
        with self._connected() as connection:
            self._check_version(connection, name, number)
            if not connection.execute(move.values(version=number)).rowcount:
                connection.execute(begin.values(version=number))
            connection.commit()

    def remove_alias(self, name: str, alias: str) -> None:
        """Take `alias` away; nothing happens when it is not there."""
        gone = sa.delete(_ALIASES).where(_named(_ALIASES, name), _ALIASES.c.alias == alias)
        with self._connected() as connection:
            self._check_model(connection, name)
            connection.execute(gone)
            connection.commit()

    @contextmanager
    def _connected(self) -> Iterator[sa.Connection]:
        with self._database.translated(), self._database.engine.connect() as connection:
            yield connection

    def _check_model(self, connection: sa.Connection, name: str) -> None:
        there = sa.select(_MODELS.c.name).where(_named(_MODELS, name))
        if connection.execute(there).first() is None:
            raise self._unknown(f"there is no model {name}")

    def _check_version(self, connection: sa.Connection, name: str, number: int) -> None:
        there = sa.select(_VERSIONS.c.version).where(
            _named(_VERSIONS, name), _kept(), _VERSIONS.c.version == number
        )
        if connection.execute(there).first() is None:
            raise self._unknown(f"{name} has no version {number}")

    def _unknown(self, reason: str) -> RegistryError:
        return UnknownError(f"the registry at {address.safe(self._database.url)} says: {reason}")


def _read(connection: sa.Connection, name: str, *which: Any) -> list[Version]:
    """Versions that Interlock registered, oldest first."""
    where = (_named(_VERSIONS, name), _kept(), *which)
    aliases = _aliases(connection, name)
    tags = _tags(connection, name)
    rows = connection.execute(sa.select(_VERSIONS).where(*where).order_by(_VERSIONS.c.version))
    read = [
        marks.read(
            Facts(
                name=row.name,
                number=row.version,
                created=row.creation_time,
                run=row.run_id,
                tags=tags.get(row.version, {}),
                aliases=marks.on(aliases, row.version),
            )
        )
        for row in rows
    ]
    return [version for version in read if version is not None]


def _aliases(connection: sa.Connection, name: str) -> dict[str, int]:
    query = sa.select(_ALIASES).where(_named(_ALIASES, name)).order_by(_ALIASES.c.alias)
    return {row.alias: row.version for row in connection.execute(query)}


def _tags(connection: sa.Connection, name: str) -> dict[int, dict[str, str]]:
    found: dict[int, dict[str, str]] = {}
    for row in connection.execute(sa.select(_TAGS).where(_named(_TAGS, name))):
        found.setdefault(row.version, {})[row.key] = row.value
    return found


def _named(table: sa.TableClause, name: str) -> sa.ColumnElement[bool]:
    return sa.and_(table.c.workspace == _WORKSPACE, table.c.name == name)


def _kept() -> sa.ColumnElement[bool]:
    return sa.func.coalesce(_VERSIONS.c.current_stage, "") != _DELETED
