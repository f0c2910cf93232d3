"""The history of aliases: a table that only grows.

It is in MLflow's own database when the tracking URI is one. A tracking server has no place where
nothing can be overwritten (its tags can, and it offers no compare-and-set, so two writers would
lose an entry); behind one, the history is a SQLite file under the home directory and tells what
was done from there, and what was noticed from there.

SQLite and PostgreSQL refuse UPDATE and DELETE by triggers. Who drops the triggers still breaks
the chain of hashes, which is checked whenever the history is read to be shown. What a chain
cannot show is that its newest entries are gone: those who may drop triggers have to be trusted,
or the database's backups kept out of their reach.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError

from interlock.errors import RegistryError
from interlock.registry import address
from interlock.registry.entry import START, Entry, seal

TABLE = sa.Table(
    "interlock_history",
    sa.MetaData(),
    sa.Column("name", sa.String(128), primary_key=True),
    sa.Column("sequence", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("event", sa.String(16), nullable=False),
    sa.Column("alias", sa.String(255), nullable=False),
    sa.Column("number", sa.Integer),
    sa.Column("version", sa.String(255)),
    sa.Column("digest", sa.String(80)),
    sa.Column("actor", sa.String(255)),
    sa.Column("reason", sa.Text),
    sa.Column("settles", sa.Integer),
    sa.Column("since", sa.String(32), nullable=False),
    sa.Column("moment", sa.String(32), nullable=False),
    sa.Column("previous", sa.String(64), nullable=False),
    sa.Column("hash", sa.String(64), nullable=False),
)

_REFUSAL = "interlock_history cannot be changed, only added to"

_SQLITE_TRIGGERS = (
    f"""CREATE TRIGGER IF NOT EXISTS interlock_history_update BEFORE UPDATE ON interlock_history
    BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END""",
    f"""CREATE TRIGGER IF NOT EXISTS interlock_history_delete BEFORE DELETE ON interlock_history
    BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END""",
    # INSERT OR REPLACE deletes the row in its way without asking the DELETE trigger.
    f"""CREATE TRIGGER IF NOT EXISTS interlock_history_replace BEFORE INSERT ON interlock_history
    WHEN EXISTS (SELECT 1 FROM interlock_history
                 WHERE name = NEW.name AND sequence = NEW.sequence)
    BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END""",  # noqa: S608 - no value of anybody's in it
)

_POSTGRESQL_TRIGGERS = (
    f"""CREATE OR REPLACE FUNCTION interlock_history_refuse() RETURNS trigger LANGUAGE plpgsql
    AS $$ BEGIN RAISE EXCEPTION '{_REFUSAL}'; END $$""",
    """CREATE TRIGGER interlock_history_change BEFORE UPDATE OR DELETE ON interlock_history
    FOR EACH ROW EXECUTE FUNCTION interlock_history_refuse()""",
    """CREATE TRIGGER interlock_history_truncate BEFORE TRUNCATE ON interlock_history
    FOR EACH STATEMENT EXECUTE FUNCTION interlock_history_refuse()""",
)

_CONNECT: dict[str, dict[str, Any]] = {
    "sqlite": {"timeout": 20},
    "postgresql": {"connect_timeout": 5},
}


class History:
    """The table at one SQLAlchemy URL. Connects when first used.

    Every method raises RegistryError, naming the database, when it cannot be reached.
    """

    def __init__(self, url: str) -> None:
        self.url = url

    def probe(self) -> None:
        """Connect once, to find out in seconds whether the database is there at all."""
        with self._translated(), self._engine.connect():
            pass

    def entries(self, name: str) -> list[Entry]:
        """Everything on record for the model `name`, oldest first."""
        query = sa.select(TABLE).where(TABLE.c.name == name).order_by(TABLE.c.sequence)
        with self._translated(), self._table.connect() as connection:
            rows = connection.execute(query).mappings().all()
        # Not validated: a value that does not belong here is for the chain to report.
        return [Entry(**{str(column): value for column, value in row.items()}) for row in rows]

    def append(self, entry: Entry) -> Entry | None:
        """Add `entry`, whose sequence is the next free one as its writer last saw the table.

        Returns it as written, with its hash, or None when somebody else wrote that sequence
        meanwhile: look again, then decide again.
        """
        with self._translated(), self._table.connect() as connection:
            sealed = seal(entry, self._hash_before(connection, entry))
            try:
                connection.execute(sa.insert(TABLE).values(**msgspec.to_builtins(sealed)))
                connection.commit()
            except IntegrityError:
                return None
        return sealed

    def close(self) -> None:
        """Give the connections back."""
        self._engine.dispose()

    @cached_property
    def _engine(self) -> sa.Engine:
        with self._translated():
            dialect = sa.make_url(self.url).get_backend_name()
            return sa.create_engine(self.url, connect_args=_CONNECT.get(dialect, {}))

    @cached_property
    def _table(self) -> sa.Engine:
        """The engine, once the table and its triggers are known to be there."""
        with self._engine.begin() as connection:
            if self._engine.dialect.name == "postgresql":
                _create_postgresql(connection)
            else:
                connection.execute(sa.schema.CreateTable(TABLE, if_not_exists=True))
            if self._engine.dialect.name == "sqlite":
                _run(connection, _SQLITE_TRIGGERS)
        return self._engine

    def _hash_before(self, connection: sa.Connection, entry: Entry) -> str:
        if entry.sequence == 1:
            return START
        before = sa.and_(TABLE.c.name == entry.name, TABLE.c.sequence == entry.sequence - 1)
        return str(connection.execute(sa.select(TABLE.c.hash).where(before)).scalar_one())

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (SQLAlchemyError, ImportError) as error:
            reason = str(error.orig if isinstance(error, DBAPIError) else error)
            where = address.safe(self.url)
            text = address.scrub(reason, self.url).strip()
            raise RegistryError(f"the database {where} cannot be used: {text}") from None


def _create_postgresql(connection: sa.Connection) -> None:
    # IF NOT EXISTS does not keep two first users apart in PostgreSQL; this lock does.
    connection.execute(sa.text("SELECT pg_advisory_xact_lock(hashtext('interlock_history'))"))
    if not sa.inspect(connection).has_table(TABLE.name):
        TABLE.create(connection)
        _run(connection, _POSTGRESQL_TRIGGERS)


def _run(connection: sa.Connection, statements: tuple[str, ...]) -> None:
    for statement in statements:
        connection.execute(sa.text(statement))
