"""What the database holds about one subject: found, and deleted so that nothing of it stays."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

import msgspec
import sqlalchemy as sa

from interlock.errors import DatabaseError
from interlock.state.tables import FAILURES, LABELS, PREDICTIONS

_MANY = 500  # ids in one statement


class Deleted(msgspec.Struct, frozen=True):
    """How many rows were deleted, and how many of them had not been sealed."""

    predictions: int
    labels: int
    failures: int
    clear: int


def labels(engine: sa.Engine, subject: bytes, key: bytes) -> list[str]:
    """Ids of the labels about `subject`: of its predictions, or by its routing `key`."""
    query = sa.select(LABELS.c.id).where(_labels(subject, key))
    with engine.connect() as connection:
        return list(connection.execute(query).scalars())


def predictions(engine: sa.Engine, subject: bytes, among: Sequence[str]) -> set[str]:
    """Which of the ids `among` are of predictions about `subject`."""
    found: set[str] = set()
    with engine.connect() as connection:
        for ids in _chunks(among):
            query = sa.select(PREDICTIONS.c.id).where(
                PREDICTIONS.c.subject == subject, PREDICTIONS.c.id.in_(ids)
            )
            found.update(connection.execute(query).scalars())
    return found


def delete(engine: sa.Engine, subject: bytes, key: bytes) -> Deleted:
    """Delete predictions, labels and failures about `subject`, or (the last two) of its `key`."""
    wanted = {
        LABELS: _labels(subject, key),
        PREDICTIONS: PREDICTIONS.c.subject == subject,
        FAILURES: sa.or_(FAILURES.c.subject == subject, FAILURES.c.key == key),
    }
    gone, clear = {}, 0
    with engine.connect() as connection:
        _overwrite_what_goes(connection)
        with connection.begin():
            for table, where in wanted.items():
                payload = FAILURES.c.body if table is FAILURES else table.c.seal
                readable = payload.is_not(None) if table is FAILURES else sa.true()
                query = sa.select(sa.func.count()).where(where, table.c.seal.is_(None), readable)
                clear += connection.execute(query).scalar_one()
                gone[table.name] = connection.execute(sa.delete(table).where(where)).rowcount
    return Deleted(gone[PREDICTIONS.name], gone[LABELS.name], gone[FAILURES.name], clear)


def scrub(engine: sa.Engine, *, rewrite: bool, patience: float = 30.0) -> None:
    """Leave nothing of deleted rows in the database's own files.

    With `rewrite` the whole file is written anew, for what lies between its rows.

    Raises
    ------
    DatabaseError
        When somebody else reads or writes for longer than `patience` seconds.
    """
    deadline = time.monotonic() + patience
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if engine.dialect.name == "postgresql":
            for table in (PREDICTIONS, LABELS, FAILURES):
                full = "FULL " if rewrite else ""
                connection.execute(sa.text(f"VACUUM {full}{table.name}"))
        elif engine.dialect.name == "sqlite":
            while not _scrubbed(connection, rewrite=rewrite):
                if time.monotonic() > deadline:
                    raise DatabaseError("its log of writes is in use and still holds deleted rows")
                time.sleep(0.05)


def _scrubbed(connection: sa.Connection, *, rewrite: bool) -> bool:
    try:
        if rewrite:
            connection.exec_driver_sql("VACUUM")
        busy = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").scalar_one()
    except DatabaseError as error:
        if "locked" in str(error):
            return False
        raise
    return not busy


def _overwrite_what_goes(connection: sa.Connection) -> None:
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA secure_delete = on")
        connection.commit()


def _labels(subject: bytes, key: bytes) -> sa.ColumnElement[bool]:
    of_subject = sa.select(PREDICTIONS.c.id).where(PREDICTIONS.c.subject == subject)
    return sa.or_(LABELS.c.prediction.in_(of_subject), LABELS.c.key == key)


def _chunks(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    return (ids[start : start + _MANY] for start in range(0, len(ids), _MANY))
