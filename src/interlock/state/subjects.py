"""What the database holds about one subject: found, and deleted so that nothing of it stays."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from typing import Any, TypeVar

import msgspec
import sqlalchemy as sa

from interlock.errors import DatabaseError
from interlock.state import database
from interlock.state import labels as kept
from interlock.state.tables import FAILURES, LABELS, PREDICTIONS

LOCK = "interlock_subjects"
"""Shared by whoever writes rows about subjects: an erasure waits for those who are at it."""

_MANY = 500  # ids in one statement
Value = TypeVar("Value")


class Deleted(msgspec.Struct, frozen=True):
    """How many rows were deleted, and how many of them had not been sealed."""

    predictions: int
    labels: int
    failures: int
    clear: int


def labels(engine: sa.Engine, subject: bytes, key: bytes, named: Collection[str] = ()) -> list[str]:
    """Ids of the labels about `subject`: of its predictions, of those `named`, or by its `key`."""
    found: list[str] = []
    with engine.connect() as connection:
        for where in (_labels(subject, key), *_among(LABELS.c.prediction, named)):
            found += connection.execute(sa.select(LABELS.c.id).where(where)).scalars()
    return found


def keys(engine: sa.Engine, subject: bytes) -> set[bytes]:
    """The routing keys that predictions about `subject` came with."""
    query = sa.select(PREDICTIONS.c.key).distinct()
    where = (PREDICTIONS.c.subject == subject, PREDICTIONS.c.key.is_not(None))
    with engine.connect() as connection:
        return {bytes(key) for key in connection.execute(query.where(*where)).scalars()}


def by_keys(engine: sa.Engine, keys: Collection[bytes]) -> list[sa.Row[Any]]:
    """Id, key, moment and deployment of the labels that name their prediction by one of `keys`."""
    query = sa.select(LABELS.c.id, LABELS.c.key, LABELS.c.at, LABELS.c.deployment)
    found: list[sa.Row[Any]] = []
    with engine.connect() as connection:
        for where in _among(LABELS.c.key, keys):
            found += connection.execute(query.where(where, LABELS.c.at.is_not(None)))
    return found


def nearest(engine: sa.Engine, key: bytes, at: int, deployment: str | None) -> sa.Row[Any] | None:
    """Moment, id and subject of the prediction that a label by `key` is about, as far as here."""
    columns: list[Any] = [PREDICTIONS.c.moment, PREDICTIONS.c.id, PREDICTIONS.c.subject]
    with engine.connect() as connection:
        id_ = kept.nearest(connection, key, at, deployment)
        query = sa.select(*columns).where(PREDICTIONS.c.id == id_)
        return connection.execute(query).first()


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


def delete(
    engine: sa.Engine,
    subject: bytes,
    key: bytes,
    *,
    predictions: Collection[str] = (),
    labels: Collection[str] = (),
) -> Deleted:
    """Delete predictions, labels and failures about `subject`, or (the last two) of its `key`.

    Labels of `predictions`, which may not have come here, and those with an id in `labels` go too.
    """
    wanted = [
        *((LABELS, where) for where in _among(LABELS.c.prediction, predictions)),
        *((LABELS, where) for where in _among(LABELS.c.id, labels)),
        (LABELS, _labels(subject, key)),
        (PREDICTIONS, PREDICTIONS.c.subject == subject),
        (FAILURES, sa.or_(FAILURES.c.subject == subject, FAILURES.c.key == key)),
    ]
    gone: Counter[str] = Counter()
    clear = 0
    with engine.connect() as connection:
        _overwrite_what_goes(connection)
        with connection.begin():
            database.lock(connection, LOCK)
            for table, where in wanted:
                payload = FAILURES.c.body if table is FAILURES else table.c.seal
                readable = payload.is_not(None) if table is FAILURES else sa.true()
                query = sa.select(sa.func.count()).where(where, table.c.seal.is_(None), readable)
                clear += connection.execute(query).scalar_one()
                gone[table.name] += connection.execute(sa.delete(table).where(where)).rowcount
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


def _among(column: sa.Column[Any], values: Collection[Value]) -> Iterator[sa.ColumnElement[bool]]:
    """That `column` is one of `values`: a condition for every few of them."""
    return (column.in_(some) for some in _chunks(list(values)))


def _chunks(ids: Sequence[Value]) -> Iterator[Sequence[Value]]:
    return (ids[start : start + _MANY] for start in range(0, len(ids), _MANY))
