"""A log: a table that grows, and to which nothing else can be done.

SQLite and PostgreSQL refuse UPDATE and DELETE by triggers. Who drops the triggers still breaks
the chain of hashes, which is checked whenever something rests on the lines. What a chain cannot
show is that its newest lines are gone: those who may drop triggers have to be trusted, or the
database's backups kept out of their reach.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any, Generic

import msgspec
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from interlock.registry import address, chain
from interlock.registry.chain import START, Kind
from interlock.registry.database import Database


class Log(Generic[Kind]):
    """The lines of one `kind` in one `table` of the database; `title` is what people call it.

    The table's first column names the chain, its second is the number in the chain. Every method
    raises RegistryError, naming the database, when it cannot be reached.
    """

    def __init__(self, database: Database, table: sa.Table, kind: type[Kind], title: str) -> None:
        self._database = database
        self._table = table
        self._kind = kind
        self.title = title
        self._name, self._sequence = table.primary_key.columns

    def place(self, name: str) -> str:
        """What tells the chain `name` from all others: database, table and name."""
        return f"{address.key(self._database.url)}/{self._table.name}/{name}"

    def names(self) -> list[str]:
        """Every name under which something is on record, sorted."""
        query = sa.select(self._name).distinct().order_by(self._name)
        with self._database.translated(), self._ready.connect() as connection:
            return list(connection.execute(query).scalars())

    def entries(self, name: str) -> list[Kind]:
        """Everything on record under `name`, oldest first. The chain is not checked."""
        query = sa.select(self._table).where(self._name == name).order_by(self._sequence)
        with self._database.translated(), self._ready.connect() as connection:
            rows = connection.execute(query).mappings().all()
        return [self._read(row) for row in rows]

    def verified(self, name: str) -> list[Kind]:
        """Everything on record under `name`, oldest first.

        Raises
        ------
        RegistryError
            When a line was changed or taken out: names the first.
        """
        found = self.entries(name)
        chain.verify(f"{self.title} of {name}", self._table.name, found)
        return found

    def append(self, link: Kind) -> Kind | None:
        """Add `link`, whose sequence is the next free one as its writer last saw the table.

        Returns it as written, with its hash, or None when somebody else wrote that sequence
        meanwhile: look again, then decide again.
        """
        written = self.extend([link])
        return written[0] if written else None

    def extend(self, links: list[Kind]) -> list[Kind] | None:
        """Add several lines of one chain, which follow each other: all of them or none.

        Returns None when somebody else wrote one of their sequences meanwhile.
        """
        with self._database.translated(), self._ready.connect() as connection:
            sealed = chain.extend(links, self._hash_before(connection, links[0]))
            try:
                rows = [msgspec.to_builtins(link) for link in sealed]
                connection.execute(sa.insert(self._table), rows)
                connection.commit()
            except IntegrityError:
                return None
        return sealed

    def _read(self, row: Mapping[Any, Any]) -> Kind:
        # Not validated: a value that does not belong here is for the chain to report.
        values = {str(column): value for column, value in row.items()}
        for field, default in self._kind.LATER.items():
            values[field] = default if values[field] is None else values[field]
        return self._kind(**values)

    def _hash_before(self, connection: sa.Connection, link: Kind) -> str:
        if link.sequence == 1:
            return START
        name = getattr(link, self._name.name)
        before = sa.and_(self._name == name, self._sequence == link.sequence - 1)
        return str(connection.execute(sa.select(self._table.c.hash).where(before)).scalar_one())

    @cached_property
    def _ready(self) -> sa.Engine:
        """The engine, once the table, its columns and its triggers are known to be there."""
        engine = self._database.engine
        with engine.begin() as connection:
            if _lacking(connection, self._table):
                _lock(connection, self._table)
                _complete(connection, self._table)
            if engine.dialect.name == "sqlite":
                _run(connection, _sqlite_triggers(self._table))
        return engine


def _lacking(connection: sa.Connection, table: sa.Table) -> list[str]:
    """Columns that the database's table lacks; all of them when there is no such table."""
    looked = sa.inspect(connection)
    if not looked.has_table(table.name):
        return list(table.columns.keys())
    there = {column["name"] for column in looked.get_columns(table.name)}
    return [column for column in table.columns.keys() if column not in there]  # noqa: SIM118


def _lock(connection: sa.Connection, table: sa.Table) -> None:
    """Keep two first users apart until the transaction ends: IF NOT EXISTS alone does not."""
    if connection.dialect.name == "postgresql":
        lock = sa.text("SELECT pg_advisory_xact_lock(hashtext(:name))")
        connection.execute(lock, {"name": table.name})
    elif connection.dialect.name == "sqlite":
        connection.exec_driver_sql("BEGIN IMMEDIATE")


def _complete(connection: sa.Connection, table: sa.Table) -> None:
    """Make the table, or add the columns that it got since it was made."""
    lacking = _lacking(connection, table)
    if lacking == list(table.columns.keys()):
        table.create(connection)
        if connection.dialect.name == "postgresql":
            _run(connection, _postgresql_triggers(table))
        return
    for column in lacking:
        kind = table.columns[column].type.compile(connection.dialect)
        _run(connection, (f"ALTER TABLE {table.name} ADD COLUMN {column} {kind}",))


def _sqlite_triggers(table: sa.Table) -> tuple[str, ...]:
    name = table.name
    key = " AND ".join(f"{column.name} = NEW.{column.name}" for column in table.primary_key)
    refuse = f"BEGIN SELECT RAISE(ABORT, '{_refusal(table)}'); END"
    create = "CREATE TRIGGER IF NOT EXISTS"
    there = f"EXISTS (SELECT 1 FROM {name} WHERE {key})"  # noqa: S608 - no value of anybody's in it
    return (
        f"{create} {name}_update BEFORE UPDATE ON {name} {refuse}",
        f"{create} {name}_delete BEFORE DELETE ON {name} {refuse}",
        # INSERT OR REPLACE deletes the row in its way without asking the DELETE trigger.
        f"{create} {name}_replace BEFORE INSERT ON {name} WHEN {there} {refuse}",
    )


def _postgresql_triggers(table: sa.Table) -> tuple[str, ...]:
    name = table.name
    return (
        f"""CREATE OR REPLACE FUNCTION {name}_refuse() RETURNS trigger LANGUAGE plpgsql
        AS $$ BEGIN RAISE EXCEPTION '{_refusal(table)}'; END $$""",
        f"""CREATE TRIGGER {name}_change BEFORE UPDATE OR DELETE ON {name}
        FOR EACH ROW EXECUTE FUNCTION {name}_refuse()""",
        f"""CREATE TRIGGER {name}_truncate BEFORE TRUNCATE ON {name}
        FOR EACH STATEMENT EXECUTE FUNCTION {name}_refuse()""",
    )


def _refusal(table: sa.Table) -> str:
    return f"{table.name} cannot be changed, only added to"


def _run(connection: sa.Connection, statements: tuple[str, ...]) -> None:
    for statement in statements:
        connection.execute(sa.text(statement))
