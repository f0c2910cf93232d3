"""Traffic in SQL: what was asked of each arm, interval by interval, and how it turned out.

Everything here depends on the rows of an interval and on labels that came until its window closed,
not on when it is asked: asked again years later it tells the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, Literal, NamedTuple, TypeAlias

import msgspec
import sqlalchemy as sa

from interlock.state.tables import FAILURES, LABELS, PREDICTIONS

Unit: TypeAlias = Literal["row", "key"]
Row: TypeAlias = sa.Row[Any]

SHADOW = "shadow"
"""The arm of rows that no caller got."""

_UNREAD = (400, 422)  # what is told to whoever sent what a model does not take
_FETCH = 500  # rows that are fetched at a time, and keys in one list of a statement
_OTHER = PREDICTIONS.alias("other")
_EARLIER = PREDICTIONS.alias("earlier")
_LATER = LABELS.alias("later")


class Stretch(msgspec.Struct, frozen=True, kw_only=True):
    """Whole intervals of a deployment's traffic, from `since` until before `until`.

    Intervals are `interval` long and begin at `origin`. A label counts when it came at most
    `maturity` after the end of its prediction's interval. All of them in microseconds. Only rows of
    `arms` are looked at: arms are those of one champion and one other version.
    """

    deployment: str
    origin: int
    interval: int
    maturity: int
    since: int
    until: int
    arms: tuple[str, ...]

    def start(self, moment: sa.ColumnElement[int]) -> sa.ColumnElement[int]:
        """The beginning of the interval of `moment`."""
        return moment - (moment - self.origin) % self.interval

    def closes(self, moment: sa.ColumnElement[int]) -> sa.ColumnElement[int]:
        """Up to when labels count for a prediction at `moment`."""
        return self.start(moment) + (self.interval + self.maturity)

    def within(self, table: sa.FromClause) -> sa.ColumnElement[bool]:
        """Whether a row of `table` belongs here."""
        columns = table.c
        return sa.and_(
            columns.deployment == self.deployment,
            columns.moment >= self.since,
            columns.moment < self.until,
            columns.arm.in_(self.arms),
        )


def requests(connection: sa.Connection, stretch: Stretch, limit: float | None) -> list[Row]:
    """Answered requests by interval, arm, version and whether they took over `limit` seconds.

    Rows that were answered together are one request. Columns: start, arm, version, slow, number.
    """
    columns = (PREDICTIONS.c[name] for name in _TOGETHER)
    each = sa.select(*columns).where(stretch.within(PREDICTIONS)).distinct().subquery()
    slow = sa.case((each.c.latency > limit, 1), else_=0) if limit is not None else sa.literal(0)
    parts = (stretch.start(each.c.moment).label("start"), each.c.arm, each.c.version)
    return _counted(connection, sa.select(*parts, slow.label("slow")))


def failures(connection: sa.Connection, stretch: Stretch) -> list[Row]:
    """Requests on which the server or the model failed, and those that the model's reading of the
    input `refused`. Columns: start, arm, version, refused, number.
    """
    table = FAILURES.c
    refused = sa.case((table.status.in_(_UNREAD), 1), else_=0).label("refused")
    parts = (stretch.start(table.moment).label("start"), table.arm, table.version, refused)
    theirs = sa.or_(table.status >= 500, table.status.in_(_UNREAD))
    return _counted(connection, sa.select(*parts).where(stretch.within(FAILURES), theirs))


class Answered(NamedTuple):
    """How often `cell` was answered; `other` is what the caller got, where it is a shadow's."""

    start: int
    arm: str
    version: str
    cell: str
    other: str | None
    number: int


def answers(
    connection: sa.Connection, stretch: Stretch, unit: Unit, edges: tuple[float, ...]
) -> list[Answered]:
    """What was answered: classes, or numbers by which of `edges` they are over.

    A request counts once, by its first row; with the unit ``key`` a key does, in the interval in
    which it first came. Sealed answers are left out.
    """
    query = _told(stretch, edges, sa.null()).where(PREDICTIONS.c.arm != SHADOW)
    return _answered(connection, stretch, unit, query)


def pairs(
    connection: sa.Connection, stretch: Stretch, unit: Unit, edges: tuple[float, ...]
) -> list[Answered]:
    """As `answers`, of a shadow beside what the caller got."""
    shadows = msgspec.structs.replace(stretch, arms=(SHADOW,))
    others = _cell(_OTHER, edges)
    query = (
        _told(shadows, edges, others)
        .select_from(PREDICTIONS)
        .join(_OTHER, _OTHER.c.id == PREDICTIONS.c.primary_id)
        .where(others.is_not(None))
    )
    return _answered(connection, shadows, unit, query)


def labelled(connection: sa.Connection, stretch: Stretch, unit: Unit) -> Iterator[Row]:
    """Labelled rows: start, arm, version, moment, latency, key, id, label, payload, seal; of a
    shadow's row, those of the row that the caller got begin with ``other_``; those of the label
    with ``truth_``. `request` tells which of them were answered together.

    With the unit ``key``, keys that had a labelled row before `stretch` are left out.
    """
    owner = sa.func.coalesce(PREDICTIONS.c.primary_id, PREDICTIONS.c.id)
    query = (
        sa.select(
            stretch.start(PREDICTIONS.c.moment).label("start"),
            *(PREDICTIONS.c[name] for name in (*_TOGETHER, "key", *_ANSWER)),
            *(_OTHER.c[name].label(f"other_{name}") for name in _ANSWER),
            *(LABELS.c[name].label(f"truth_{name}") for name in ("id", "value", "seal")),
        )
        .select_from(PREDICTIONS)
        .join(LABELS, LABELS.c.arrival == _last(owner, stretch.closes(PREDICTIONS.c.moment)))
        .outerjoin(_OTHER, _OTHER.c.id == PREDICTIONS.c.primary_id)
        .where(stretch.within(PREDICTIONS))
        .order_by(PREDICTIONS.c.id)
    )
    if unit == "row":
        yield from connection.execute(query, execution_options={"yield_per": _FETCH})
        return
    rows = connection.execute(query.where(PREDICTIONS.c.key.is_not(None))).all()
    known = _judged_before(connection, stretch, sorted({row.key for row in rows}))
    yield from (row for row in rows if row.key not in known)


def reaches(connection: sa.Connection, stretch: Stretch, rows: int) -> int:
    """Until when whole intervals of `stretch` go that hold no more than so many rows; the first
    interval at least.
    """
    nth = (
        sa.select(PREDICTIONS.c.moment)
        .where(stretch.within(PREDICTIONS))
        .order_by(PREDICTIONS.c.moment)
        .offset(rows)
        .limit(1)
    )
    moment = connection.scalar(nth)
    if moment is None:
        return stretch.until
    whole = (int(moment) - stretch.since) // stretch.interval
    return stretch.since + max(1, whole) * stretch.interval


def before(connection: sa.Connection, stretch: Stretch, version: str, limit: int) -> list[Row]:
    """The last `limit` rows of `version` before `stretch` ends, the newest first.

    Columns: moment, latency, label, score.
    """
    table = PREDICTIONS.c
    query = (
        sa.select(table.moment, table.latency, table.label, table.score)
        .where(_of(stretch, version), PREDICTIONS.c.moment < stretch.until)
        .order_by(PREDICTIONS.c.moment.desc(), PREDICTIONS.c.id.desc())
        .limit(limit)
    )
    return list(connection.execute(query))


def reached(connection: sa.Connection, stretch: Stretch, version: str, number: int) -> int | None:
    """When `version` had answered its `number`-th row; None when it has not, so far."""
    query = sa.select(PREDICTIONS.c.moment).where(_of(stretch, version))
    return connection.scalar(query.order_by(PREDICTIONS.c.moment).offset(number - 1).limit(1))


def request(row: Row) -> tuple[Any, ...]:
    """What rows have in common that were answered together, and no others."""
    return tuple(getattr(row, name) for name in _TOGETHER)


_TOGETHER = ("arm", "version", "moment", "latency")
_ANSWER = ("id", "label", "payload", "seal")


def _of(stretch: Stretch, version: str) -> sa.ColumnElement[bool]:
    table = PREDICTIONS.c
    return sa.and_(
        table.deployment == stretch.deployment,
        table.version == version,
        table.arm.in_(stretch.arms),
    )


def _counted(connection: sa.Connection, query: sa.Select[Any]) -> list[Row]:
    inner = query.subquery()
    grouped = sa.select(*inner.c, sa.func.count().label("number")).group_by(*inner.c)
    return list(connection.execute(grouped.order_by(*inner.c)))


def _cell(table: sa.FromClause, edges: tuple[float, ...]) -> sa.ColumnElement[Any]:
    if not edges:
        return table.c.label
    cases = [(table.c.score <= edge, sa.literal(str(place))) for place, edge in enumerate(edges)]
    over = (table.c.score.is_not(None), sa.literal(str(len(edges))))
    return sa.func.coalesce(table.c.label, sa.case(*cases, over))


def _told(
    stretch: Stretch, edges: tuple[float, ...], other: sa.ColumnElement[Any]
) -> sa.Select[Any]:
    """Start, arm, version, cell, other of every row whose answer is known."""
    table, cell = PREDICTIONS.c, _cell(PREDICTIONS, edges)
    parts = (stretch.start(table.moment).label("start"), table.arm, table.version)
    return sa.select(*parts, cell.label("cell"), other.label("other")).where(
        stretch.within(PREDICTIONS), cell.is_not(None)
    )


def _answered(
    connection: sa.Connection, stretch: Stretch, unit: Unit, query: sa.Select[Any]
) -> list[Answered]:
    table = PREDICTIONS.c
    if unit == "row":
        together = (table[name] for name in _TOGETHER)
        firsts = sa.select(sa.func.min(table.id)).where(stretch.within(PREDICTIONS))
        rows = _counted(connection, query.where(table.id.in_(firsts.group_by(*together))))
        return [Answered._make(row) for row in rows]
    keyed = query.where(table.key.is_not(None)).add_columns(table.key).order_by(table.id)
    return _once_a_key(connection, stretch, keyed)


def _once_a_key(
    connection: sa.Connection, stretch: Stretch, query: sa.Select[Any]
) -> list[Answered]:
    """Only the first row of each key counts, and only if it did not come before `stretch`.

    The keys are looked up in lists: one statement that leaves them out can take minutes where the
    database has not analysed its tables yet.
    """
    first: dict[bytes, tuple[Any, ...]] = {}
    for row in connection.execute(query):
        first.setdefault(row.key, tuple(row[:-1]))
    known = _among(connection, sa.select(_EARLIER.c.key).where(_past(stretch)), list(first))
    counted = Counter(row for key, row in first.items() if key not in known)
    return [Answered._make((*row, number)) for row, number in counted.items()]


def _judged_before(
    connection: sa.Connection, stretch: Stretch, keys: Sequence[bytes]
) -> set[bytes]:
    """Those of `keys` that had a labelled row before `stretch`."""
    owner = sa.func.coalesce(_EARLIER.c.primary_id, _EARLIER.c.id)
    in_time = LABELS.c.received <= stretch.closes(_EARLIER.c.moment)
    query = (
        sa.select(_EARLIER.c.key)
        .select_from(_EARLIER)
        .join(LABELS, sa.and_(LABELS.c.prediction == owner, in_time))
        .where(_past(stretch))
    )
    return _among(connection, query, keys)


def _among(connection: sa.Connection, query: sa.Select[Any], keys: Sequence[bytes]) -> set[bytes]:
    """Those of `keys` that `query` finds among earlier rows."""
    found: set[bytes] = set()
    for start in range(0, len(keys), _FETCH):
        some = _EARLIER.c.key.in_(keys[start : start + _FETCH])
        found.update(connection.execute(query.where(some).distinct()).scalars())
    return found


def _past(stretch: Stretch) -> sa.ColumnElement[bool]:
    before = msgspec.structs.replace(stretch, since=stretch.origin, until=stretch.since)
    return before.within(_EARLIER)


def _last(owner: sa.ColumnElement[str], closes: sa.ColumnElement[int]) -> sa.ScalarSelect[Any]:
    """The label of the prediction `owner` that was in force when its window closed."""
    return (
        sa.select(_LATER.c.arrival)
        .where(_LATER.c.prediction == owner, _LATER.c.received <= closes)
        .order_by(_LATER.c.received.desc(), _LATER.c.arrival.desc())
        .limit(1)
        .correlate_except(_LATER)
        .scalar_subquery()
    )
