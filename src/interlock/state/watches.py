"""Watches in SQL: what is known of each champion beside its floor, as a document."""

from __future__ import annotations

import msgspec
import sqlalchemy as sa

from interlock.state import events
from interlock.state.events import Event
from interlock.state.tables import WATCHES


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """The watch over `deployment`: JSON of `interlock.rollout.floor.Watch`."""

    deployment: str
    document: str
    revision: int = 0


def read(engine: sa.Engine, deployment: str) -> Kept | None:
    """The watch over `deployment`, if there is one yet."""
    query = sa.select(WATCHES).where(WATCHES.c.deployment == deployment)
    with engine.connect() as connection:
        found = connection.execute(query).mappings().first()
    return None if found is None else Kept(**found)


def write(engine: sa.Engine, watch: Kept, event: Event | None = None) -> Kept | None:
    """Put `watch` in the place of the state with its revision (0: none yet), and tell `event`.

    Returns it as it is kept now; None, with nothing changed, when somebody else was first.
    """
    kept = msgspec.structs.replace(watch, revision=watch.revision + 1)
    statement = _CHANGE if watch.revision else _BEGIN
    with engine.begin() as connection:
        row = msgspec.structs.asdict(kept) | {"seen": watch.revision}
        if not connection.execute(statement, row).rowcount:
            return None
        if event is not None:
            events.add(connection, event)
    return kept


_BEGIN = sa.text(
    "INSERT INTO interlock_watches (deployment, revision, document)"
    " VALUES (:deployment, :revision, :document) ON CONFLICT DO NOTHING"
)
_CHANGE = sa.text(
    "UPDATE interlock_watches SET revision = :revision, document = :document"
    " WHERE deployment = :deployment AND revision = :seen"
)
