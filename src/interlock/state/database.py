"""The journal's database: an engine whose errors are ours and show no password."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from interlock import private
from interlock.errors import ConfigurationError, DatabaseError
from interlock.registry import address
from interlock.settings import Settings

_PATIENCE = 5.0  # seconds for a connection, or for another process's lock on a SQLite file
# A server that vanished without a word is noticed within half a minute, not by the kernel's hours.
_POSTGRESQL = {
    "connect_timeout": int(_PATIENCE),
    "keepalives_idle": 15,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}


def connect(settings: Settings) -> sa.Engine:
    """The engine for the database that the settings name; see `engine`."""
    return engine(settings.database_url())


def engine(url: str, *, patience: float = _PATIENCE) -> sa.Engine:
    """An engine for `url`, which connects when first used. Whatever it raises is a DatabaseError.

    SQLite writes ahead (readers do not wait for a writer), waits `patience` seconds for a lock,
    and has what it committed on the disk.

    Raises
    ------
    DatabaseError
        When `url` cannot be read, there is no driver for it, or it is another kind of database.
    """
    try:
        named = _with_driver(sa.make_url(url))
        if named.get_backend_name() == "sqlite":
            _make_folder(named)
            made = sa.create_engine(named, connect_args={"timeout": patience})
            sa.event.listen(made, "connect", _prepare_sqlite)
        elif named.get_backend_name() != "postgresql":
            raise sa.exc.ArgumentError(f"{named.drivername} is neither SQLite nor PostgreSQL")
        else:
            made = sa.create_engine(named, connect_args=_POSTGRESQL, pool_pre_ping=True)
    except ValueError:
        raise ConfigurationError(
            f"the database {address.safe(url)} is no URL that can be read: the port has to be a"
            " number, and # / ? @ : in a password are written %23 %2F %3F %40 %3A"
        ) from None
    except (SQLAlchemyError, ImportError, OSError) as error:
        raise _named(url, error) from None
    sa.event.listen(made, "handle_error", _translate)
    return made


@contextmanager
def translated(engine: sa.Engine) -> Iterator[None]:
    """Turn the driver's own errors into DatabaseError, where it is used without SQLAlchemy."""
    try:
        yield
    except engine.dialect.loaded_dbapi.Error as error:
        raise _named(engine.url.render_as_string(hide_password=False), error) from None


def lock(connection: sa.Connection, name: str, *, shared: bool = False) -> None:
    """Wait for all who hold `name`, or share it with them, until the transaction ends.

    SQLite has one writer at a time in any case: there, `shared` takes nothing until it writes.
    """
    if connection.dialect.name == "postgresql":
        kind = "_shared" if shared else ""
        query = sa.text(f"SELECT pg_advisory_xact_lock{kind}(hashtext(:name))")
        connection.execute(query, {"name": name})
    elif not shared:
        connection.exec_driver_sql("BEGIN IMMEDIATE")


def location(engine: sa.Engine) -> str:
    """Where the database is, as it may be shown."""
    return engine.url.render_as_string(hide_password=True)


def _with_driver(url: sa.URL) -> sa.URL:
    """`postgresql://` means the driver that we bring, not SQLAlchemy's default of the day."""
    if url.drivername in ("postgresql", "postgres"):
        return url.set(drivername="postgresql+psycopg")
    return url


def _make_folder(url: sa.URL) -> None:
    if url.database and not url.database.startswith((":", "file:")):
        private.folder(Path(url.database).parent)
        private.file(Path(url.database))  # SQLite gives its other files the same rights


# Rows are longer than SQLite's pages of 4 KiB are made for. Only a new file takes another size.
_PRAGMAS = (
    "page_size = 8192",
    "auto_vacuum = incremental",
    "journal_mode = wal",
    "synchronous = full",
)


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    for pragma in _PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")


def _translate(context: sa.engine.ExceptionContext) -> None:
    engine = context.engine
    if engine is None or context.sqlalchemy_exception is None:
        return
    url = engine.url.render_as_string(hide_password=False)
    raise _named(url, context.sqlalchemy_exception) from None


def _named(url: str, error: Exception) -> DatabaseError:
    reason = str(error.orig if isinstance(error, DBAPIError) else error)
    text = " ".join(address.scrub(reason, url).split())
    return DatabaseError(f"the database {address.safe(url)} cannot be used: {text}")
