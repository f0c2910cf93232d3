"""Rollouts in SQL. Whatever changes in one changes in one transaction, and only for the one who
has seen its newest state.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec
import sqlalchemy as sa

from interlock.errors import ConflictError, DatabaseError
from interlock.state import events, routes
from interlock.state.events import Event
from interlock.state.routes import Kept
from interlock.state.tables import ROLLOUTS

Status: TypeAlias = Literal["running", "paused", "promoting", "promoted", "rolled back", "aborted"]


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """One rollout as it is kept. Moments are microseconds since 1970, UTC.

    `since` is when its present step began, `watermark` up to when traffic has been counted.
    `plan`, `policy`, `evidence` and `analysis` are JSON that `interlock.rollout` reads.
    """

    id: str
    deployment: str
    version: str
    digest: str
    champion: str
    champion_digest: str
    strategy: str
    plan: str
    policy: str
    status: Status
    step: int
    since: int
    started: int
    ended: int | None = None
    actor: str
    reason: str
    evidence: str = "{}"
    watermark: int
    analysis: str = "{}"
    revision: int = 1


_NEWEST = (ROLLOUTS.c.number.desc(), ROLLOUTS.c.started.desc(), ROLLOUTS.c.id.desc())
"""Within a deployment in the order in which they began, even if the clock was set back between."""


class Rollouts:
    """The rollouts in the database of `engine`. Every method raises DatabaseError when it cannot
    be asked.
    """

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def begin(self, record: Record, event: Event, route: Kept) -> None:
        """Write down a new rollout and put its first route in force.

        Raises
        ------
        ConflictError
            When another one of the deployment has not ended: names it.
        """
        try:
            with self._engine.begin() as connection:
                number = _last(connection, record.deployment) + 1
                values = {**msgspec.structs.asdict(record), "number": number}
                connection.execute(sa.insert(ROLLOUTS), values)
                events.add(connection, event)
                routes.write(connection, route)
        except DatabaseError:
            other = self.running(record.deployment)
            if other is None or other.id == record.id:
                raise
            raise ConflictError(
                f"{other.deployment} has a rollout already: {other.version}, {other.status} at"
                f" step {other.step + 1}, begun by {other.actor}. Abort it, or wait for its end."
            ) from None

    def change(
        self, record: Record, event: Event | None = None, route: Kept | None = None
    ) -> Record | None:
        """Put `record` in the place of the state that it was made from, which has its revision.

        With an `event` that is told; a `route` comes into force with it. A record that has ended
        takes the route away, so that the champion answers everything. Returns the record as it is
        kept now; None, with nothing changed, when somebody else was first: look again.
        """
        kept = msgspec.structs.replace(record, revision=record.revision + 1)
        seen = sa.and_(ROLLOUTS.c.id == record.id, ROLLOUTS.c.revision == record.revision)
        with self._engine.begin() as connection:
            update = sa.update(ROLLOUTS).where(seen).values(msgspec.structs.asdict(kept))
            if not connection.execute(update).rowcount:
                return None
            if event is not None:
                events.add(connection, event)
            if record.ended is not None:
                routes.remove(connection, record.deployment)
            elif route is not None:
                routes.write(connection, route)
        return kept

    def running(self, deployment: str) -> Record | None:
        """The rollout of `deployment` that has not ended."""
        found = self._records(ROLLOUTS.c.ended.is_(None), ROLLOUTS.c.deployment == deployment)
        return found[0] if found else None

    def all_running(self) -> list[Record]:
        """Every rollout that has not ended, the oldest first."""
        found = self._records(ROLLOUTS.c.ended.is_(None))
        return sorted(found, key=lambda record: (record.started, record.id))

    def find(self, rollout: str) -> Record | None:
        """The rollout with that id."""
        found = self._records(ROLLOUTS.c.id == rollout)
        return found[0] if found else None

    def history(self, deployment: str, limit: int = 100) -> list[Record]:
        """The last rollouts of `deployment`, the newest first."""
        return self._records(ROLLOUTS.c.deployment == deployment, limit=limit)

    def deployments(self) -> list[str]:
        """Every deployment that ever had a rollout."""
        query = sa.select(ROLLOUTS.c.deployment).distinct().order_by(ROLLOUTS.c.deployment)
        with self._engine.connect() as connection:
            return list(connection.execute(query).scalars())

    def _records(
        self, *conditions: sa.ColumnElement[bool], limit: int | None = None
    ) -> list[Record]:
        columns = (ROLLOUTS.c[name] for name in Record.__struct_fields__)
        query = sa.select(*columns).where(*conditions).order_by(*_NEWEST).limit(limit)
        with self._engine.connect() as connection:
            return [Record(**row) for row in connection.execute(query).mappings()]


def _last(connection: sa.Connection, deployment: str) -> int:
    """The number of the last rollout of `deployment`."""
    query = sa.select(sa.func.max(ROLLOUTS.c.number)).where(ROLLOUTS.c.deployment == deployment)
    return int(connection.scalar(query) or 0)


def there(engine: sa.Engine) -> bool:
    """Whether rollouts are kept in this database at all; asked without all that makes tables."""
    with engine.connect() as connection:
        return sa.inspect(connection).has_table(ROLLOUTS.name)
