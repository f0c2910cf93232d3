"""Whether the tables of a database are those of this release, and how they become so."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Literal

import msgspec
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from interlock.errors import SchemaError
from interlock.settings import Settings
from interlock.state import database
from interlock.state.tables import META

VERSIONS = "interlock_schema"
"""Table with the revision of ours: MLflow, which may live beside us, has one of its own."""

_LOCK = "interlock_schema"
_REVISION = sa.text(f"SELECT version_num FROM {VERSIONS}")  # noqa: S608 - a constant


class Standing(msgspec.Struct, frozen=True):
    """The revision of a database (None where it has none of our tables) and that of this code."""

    database: str | None
    code: str
    state: Literal["empty", "current", "older", "newer"]


def standing(engine: sa.Engine) -> Standing:
    """Compare a database with this release; changes nothing.

    Raises
    ------
    DatabaseError
        When it cannot be reached.
    SchemaError
        When tables of ours are there that no release has made.
    """
    with engine.connect() as connection:
        return _standing(connection)


def ensure(engine: sa.Engine) -> None:
    """Make the tables in a database that has none of ours; leave those of this release alone.

    Raises
    ------
    SchemaError
        When the tables are of an older release (says how to migrate) or of a newer one.
    """
    found = standing(engine)
    if found.state == "empty":
        migrate(engine)
    elif found.state != "current":
        raise SchemaError(_refusal(engine, found))


def there(engine: sa.Engine) -> bool:
    """Whether somebody has made the tables, for those who only read; makes none.

    Raises
    ------
    SchemaError
        When they are of another release.
    """
    found = standing(engine)
    if found.state in ("older", "newer"):
        raise SchemaError(_refusal(engine, found))
    return found.state == "current"


def hold(connection: sa.Connection) -> None:
    """Refuse tables that another release has changed since they were opened.

    Raises
    ------
    SchemaError
        When they are not those of this release any more.
    """
    if connection.scalar(_REVISION) != _newest():
        raise SchemaError(_refusal(connection.engine, _standing(connection)))


@contextmanager
def opened(settings: Settings) -> Iterator[sa.Engine]:
    """The engine of the settings' database, once its tables are those of this release.

    Raises
    ------
    DatabaseError
        When it cannot be reached; a SchemaError when its tables are of another release.
    """
    engine = database.connect(settings)
    try:
        ensure(engine)
        yield engine
    finally:
        engine.dispose()


def migrate(engine: sa.Engine) -> Standing:
    """Bring the tables to this release, in one transaction; returns where they stood before.

    Raises
    ------
    SchemaError
        When they are of a newer release.
    """
    with engine.begin() as connection:
        database.lock(connection, _LOCK)
        found = _standing(connection)
        if found.state == "newer":
            raise SchemaError(_refusal(engine, found))
        if found.state != "current":
            config = _config()
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    return found


def _standing(connection: sa.Connection) -> Standing:
    revisions = [
        script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()
    ]
    context = MigrationContext.configure(connection, opts={"version_table": VERSIONS})
    there = context.get_current_revision()
    newest = revisions[0]
    if there is None:
        _refuse_unknown(connection)
        return Standing(None, newest, "empty")
    if there not in revisions:
        return Standing(there, newest, "newer")
    return Standing(there, newest, "current" if there == newest else "older")


def _refuse_unknown(connection: sa.Connection) -> None:
    ours = sorted(set(sa.inspect(connection).get_table_names()) & set(META.tables))
    if ours:
        where = database.location(connection.engine)
        raise SchemaError(
            f"the database {where} has {', '.join(ours)} but no table {VERSIONS}, so nobody can"
            " tell of which release they are. Restore it, or name an empty database."
        )


@cache
def _newest() -> str:
    return str(ScriptDirectory.from_config(_config()).get_current_head())


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    return config


def _refusal(engine: sa.Engine, found: Standing) -> str:
    where = database.location(engine)
    if found.state == "newer":
        return (
            f"the database {where} is at revision {found.database}, which a newer release made;"
            f" this one knows revisions up to {found.code}. Use that release."
        )
    return (
        f"the database {where} is at revision {found.database}, and this release needs"
        f" {found.code}: make a backup, then run `interlock database migrate`."
    )
