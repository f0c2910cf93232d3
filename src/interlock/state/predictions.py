"""Predictions and failures in SQL: found by what is known of them, deleted by age."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias

import msgspec
import sqlalchemy as sa

from interlock.state.tables import FAILURES, PREDICTIONS

Row: TypeAlias = sa.Row[Any]

_FETCH = 500  # rows that are fetched at a time


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which predictions: all that fit everything that is given. `since` is included, `until` not.

    Moments are microseconds since 1970; key and subject are hashes.
    """

    deployment: str | None = None
    version: str | None = None
    since: int | None = None
    until: int | None = None
    key: bytes | None = None
    subject: bytes | None = None
    ids: tuple[str, ...] | None = None

    def condition(self) -> sa.ColumnElement[bool]:
        """The same as a condition on the table."""
        table = PREDICTIONS.c
        parts: list[sa.ColumnElement[bool]] = [
            table[name] == value
            for name in ("deployment", "version", "key", "subject")
            if (value := getattr(self, name)) is not None
        ]
        if self.since is not None:
            parts.append(table.moment >= self.since)
        if self.until is not None:
            parts.append(table.moment < self.until)
        if self.ids is not None:
            parts.append(table.id.in_(self.ids))
        return sa.and_(sa.true(), *parts)


def oldest_first(connection: sa.Connection, wanted: Wanted) -> Iterator[Row]:
    """Whatever is wanted, in the order of time; only a few hundred rows are in memory."""
    query = sa.select(PREDICTIONS).where(wanted.condition())
    query = query.order_by(PREDICTIONS.c.moment, PREDICTIONS.c.id)
    yield from connection.execution_options(yield_per=_FETCH).execute(query)


def newest(connection: sa.Connection, wanted: Wanted, limit: int) -> list[Row]:
    """The last `limit` of what is wanted, the oldest of them first."""
    query = sa.select(PREDICTIONS).where(wanted.condition())
    query = query.order_by(PREDICTIONS.c.moment.desc(), PREDICTIONS.c.id.desc()).limit(limit)
    return list(connection.execute(query))[::-1]


def count(connection: sa.Connection, wanted: Wanted) -> int:
    """How many are wanted."""
    query = sa.select(sa.func.count()).select_from(PREDICTIONS).where(wanted.condition())
    return int(connection.scalar(query) or 0)


def failures(
    connection: sa.Connection, deployment: str | None, since: int | None, limit: int
) -> list[Row]:
    """The last `limit` requests that were refused or failed, the oldest of them first."""
    query = sa.select(FAILURES).order_by(FAILURES.c.moment.desc(), FAILURES.c.id.desc())
    if deployment is not None:
        query = query.where(FAILURES.c.deployment == deployment)
    if since is not None:
        query = query.where(FAILURES.c.moment >= since)
    return list(connection.execute(query.limit(limit)))[::-1]
