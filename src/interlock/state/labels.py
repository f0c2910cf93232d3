"""Labels in SQL: every one that came is kept; the one received last is the truth.

A label counts from the moment that its prediction is found here: `unresolved` and `misplaced` say
which labels that concerns, `place` notes it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import msgspec
import sqlalchemy as sa

from interlock.state.tables import LABELS, PREDICTIONS

Row: TypeAlias = sa.Row[Any]

_NEWEST = (LABELS.c.received.desc(), LABELS.c.arrival.desc())
_SOME = 500  # values in one list of a statement


class About(NamedTuple):
    """What a label is about: a prediction, or what it says of one that has not come."""

    prediction: str | None
    key: bytes | None = None
    at: int | None = None
    deployment: str | None = None


class Placed(msgspec.Struct, frozen=True):
    """A label whose prediction is known: its value, sealed for whom the prediction is about."""

    id: str
    prediction: str
    value: bytes
    seal: bytes | None


def insert(connection: sa.Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Keep `rows`, by column; an id that is there already changes nothing."""
    if rows:
        names = [name for name in rows[0] if name in LABELS.c]
        columns, values = ", ".join(names), ", ".join(f":{name}" for name in names)
        into = f"INSERT INTO {LABELS.name} ({columns}) VALUES ({values})"  # noqa: S608
        connection.execute(sa.text(f"{into} ON CONFLICT DO NOTHING"), list(rows))


def unresolved(connection: sa.Connection, since: int, limit: int) -> list[Row]:
    """Labels received since then that name a prediction which has come: id, value, seal,
    prediction, and its subject.
    """
    query = (
        sa.select(*_PLACING)
        .join(PREDICTIONS, PREDICTIONS.c.id == LABELS.c.prediction)
        .where(LABELS.c.resolved.is_(None), LABELS.c.key.is_(None), LABELS.c.received >= since)
        .limit(limit)
    )
    return list(connection.execute(query))


def misplaced(connection: sa.Connection, since: int, settled: int, limit: int) -> list[Row]:
    """Labels by key that belong to another prediction than they stand with, or to one at last.

    They are looked at when received since `since`, and again when resolved since `settled`: a
    prediction may come later than one that followed it. Columns as for `unresolved`.
    """
    waiting = sa.and_(LABELS.c.resolved.is_(None), LABELS.c.received >= since)
    looked = (
        sa.select(
            LABELS.c.id,
            LABELS.c.value,
            LABELS.c.seal,
            LABELS.c.prediction,
            _nearest().label("nearest"),
        )
        .where(LABELS.c.key.is_not(None), sa.or_(waiting, LABELS.c.resolved >= settled))
        .subquery()
    )
    query = (
        sa.select(looked.c.id, looked.c.value, looked.c.seal, looked.c.nearest, _SUBJECT)
        .join(PREDICTIONS, PREDICTIONS.c.id == looked.c.nearest)
        .where(looked.c.prediction.is_distinct_from(looked.c.nearest))
        .limit(limit)
    )
    return list(connection.execute(query))


def place(connection: sa.Connection, placed: Sequence[Placed], now: int) -> None:
    """Note the predictions of labels, and that they were found `now`."""
    if placed:
        connection.execute(_PLACE, [{**msgspec.structs.asdict(one), "now": now} for one in placed])


def orphans(connection: sa.Connection, before: int, limit: int) -> list[Row]:
    """Labels received before then whose prediction has not come, the oldest first."""
    query = (
        sa.select(LABELS)
        .where(LABELS.c.resolved.is_(None), LABELS.c.received < before)
        .order_by(LABELS.c.received, LABELS.c.arrival)
        .limit(limit)
    )
    return list(connection.execute(query))


def count_orphans(connection: sa.Connection, before: int) -> int:
    """How many labels `orphans` would give."""
    waiting = sa.and_(LABELS.c.resolved.is_(None), LABELS.c.received < before)
    found = connection.scalar(sa.select(sa.func.count()).select_from(LABELS).where(waiting))
    return int(found or 0)


def newest(
    connection: sa.Connection,
    *,
    prediction: str | None = None,
    deployment: str | None = None,
    since: int | None = None,
    until: int | None = None,
    limit: int = 100,
) -> list[Row]:
    """Labels that were received, the newest first; those of `deployment` by its predictions."""
    query = sa.select(LABELS).order_by(*_NEWEST).limit(limit)
    if deployment is not None:
        query = query.outerjoin(PREDICTIONS, PREDICTIONS.c.id == LABELS.c.prediction)
        of = sa.func.coalesce(PREDICTIONS.c.deployment, LABELS.c.deployment)
        query = query.where(of == deployment)
    if prediction is not None:
        query = query.where(LABELS.c.prediction == prediction)
    if since is not None:
        query = query.where(LABELS.c.received >= since)
    if until is not None:
        query = query.where(LABELS.c.received < until)
    return list(connection.execute(query))


def current(connection: sa.Connection, predictions: Sequence[str]) -> dict[str, Row]:
    """The label in force of each of `predictions` that has one."""
    rows: list[Row] = []
    for start in range(0, len(predictions), _SOME):
        some = LABELS.c.prediction.in_(predictions[start : start + _SOME])
        rows += connection.execute(sa.select(LABELS).where(some))
    return {
        row.prediction: row for row in sorted(rows, key=lambda row: (row.received, row.arrival))
    }


def _waiting(connection: sa.Connection, keys: Sequence[bytes]) -> list[Row]:
    """Labels by one of `keys` whose prediction has not come, the last one last."""
    rows: list[Row] = []
    for start in range(0, len(keys), _SOME):
        some = LABELS.c.key.in_(keys[start : start + _SOME])
        query = sa.select(LABELS).where(some, LABELS.c.prediction.is_(None))
        rows += connection.execute(query)
    return sorted(rows, key=lambda row: (row.received, row.arrival))


def about(connection: sa.Connection, key: bytes, at: int, deployment: str | None) -> About:
    """What a label by `key` and moment is about, as far as that can be told by now."""
    name = nearest(connection, key, at, deployment)
    return About(name) if name else About(None, key, at, deployment)


def holding(connection: sa.Connection, abouts: Collection[About]) -> dict[About, Row]:
    """The labels in force about what is known, and the last ones that wait for the rest."""
    named = sorted({one.prediction for one in abouts if one.prediction is not None})
    keys = sorted({one.key for one in abouts if one.key is not None})
    rows = {About(name): row for name, row in current(connection, named).items()}
    return rows | {
        About(None, row.key, row.at, row.deployment): row for row in _waiting(connection, keys)
    }


def joined(
    connection: sa.Connection,
    deployment: str,
    *,
    since: int,
    until: int,
    now: int,
    within: int | None = None,
) -> Iterator[Row]:
    """Every prediction from `since` until before `until`, in order, beside its label if it has one.

    The label is the one in force at `now`; with `within` the one in force so many microseconds
    after the prediction. The row of a shadow has that of the row which the caller got. Columns of
    the label begin with ``label_``; they are None where there is none.
    """
    later = LABELS.alias("later")
    known = [later.c.prediction == _ABOUT, later.c.received <= now]
    if within is not None:
        known.append(later.c.received <= PREDICTIONS.c.moment + within)
    last = (
        sa.select(later.c.arrival)
        .where(*known)
        .order_by(later.c.received.desc(), later.c.arrival.desc())
        .limit(1)
        .correlate(PREDICTIONS)
        .scalar_subquery()
    )
    named = [
        LABELS.c[name].label(f"label_{name}")
        for name in ("id", "value", "seal", "observed", "received", "source")
    ]
    query = (
        sa.select(PREDICTIONS, *named)
        .select_from(PREDICTIONS.outerjoin(LABELS, LABELS.c.arrival == last))
        .where(PREDICTIONS.c.deployment == deployment)
        .where(PREDICTIONS.c.moment >= since, PREDICTIONS.c.moment < until)
        .order_by(PREDICTIONS.c.moment, PREDICTIONS.c.id)
    )
    yield from connection.execution_options(yield_per=_SOME).execute(query)


def nearest(connection: sa.Connection, key: bytes, at: int, deployment: str | None) -> str | None:
    """The last prediction of `key` at or before `at`, of `deployment` where one is named."""
    query = sa.select(PREDICTIONS.c.id).where(PREDICTIONS.c.key == key, PREDICTIONS.c.moment <= at)
    query = query.where(_ANSWERED)
    if deployment is not None:
        query = query.where(PREDICTIONS.c.deployment == deployment)
    return connection.scalar(query.order_by(*_LAST).limit(1))


def answers(connection: sa.Connection, predictions: Sequence[str]) -> list[Row]:
    """Id, payload, seal and subject of those of `predictions` that are here."""
    found: list[Row] = []
    for start in range(0, len(predictions), _SOME):
        some = PREDICTIONS.c.id.in_(predictions[start : start + _SOME])
        query = sa.select(PREDICTIONS.c.id, PREDICTIONS.c.payload, PREDICTIONS.c.seal, _SUBJECT)
        found += connection.execute(query.where(some))
    return found


_ABOUT = sa.func.coalesce(PREDICTIONS.c.primary_id, PREDICTIONS.c.id)
_ANSWERED = PREDICTIONS.c.primary_id.is_(None)  # no caller got a shadow's answer
_SUBJECT = PREDICTIONS.c.subject
_LAST = (PREDICTIONS.c.moment.desc(), PREDICTIONS.c.id.desc())
_KEPT = (LABELS.c.id, LABELS.c.value, LABELS.c.seal)
_PLACING = (*_KEPT, LABELS.c.prediction, _SUBJECT)
_PLACE = sa.text(
    f"UPDATE {LABELS.name} SET prediction = :prediction, value = :value, seal = :seal,"  # noqa: S608
    " resolved = coalesce(resolved, :now) WHERE id = :id"
)


def _nearest() -> sa.ScalarSelect[Any]:
    """For a row of labels by key: its prediction, by what is here now."""
    anywhere = LABELS.c.deployment.is_(None)
    return (
        sa.select(PREDICTIONS.c.id)
        .where(PREDICTIONS.c.key == LABELS.c.key, PREDICTIONS.c.moment <= LABELS.c.at)
        .where(sa.or_(anywhere, PREDICTIONS.c.deployment == LABELS.c.deployment), _ANSWERED)
        .order_by(*_LAST)
        .limit(1)
        .correlate(LABELS)
        .scalar_subquery()
    )
