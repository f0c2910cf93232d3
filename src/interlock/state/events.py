"""Events in SQL: what happened to a rollout or a watch, and why. Nothing is ever overwritten."""

from __future__ import annotations

import msgspec
import sqlalchemy as sa

from interlock.state.tables import ROLLOUT_EVENTS


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened to `rollout` at `moment` (microseconds), in a sentence.

    `document` is JSON with the figures; `actor` is None for what the controller did by itself.
    `sequence` counts from 1 and is given when it is written.
    """

    rollout: str
    moment: int
    event: str
    sentence: str
    document: str = "{}"
    actor: str | None = None
    sequence: int = 0


def add(connection: sa.Connection, event: Event) -> None:
    """Write `event` down, in the transaction of `connection`."""
    last = sa.select(sa.func.max(ROLLOUT_EVENTS.c.sequence)).where(
        ROLLOUT_EVENTS.c.rollout == event.rollout
    )
    sequence = int(connection.scalar(last) or 0) + 1
    numbered = msgspec.structs.replace(event, sequence=sequence)
    connection.execute(sa.insert(ROLLOUT_EVENTS), msgspec.structs.asdict(numbered))


def read(engine: sa.Engine, rollout: str) -> list[Event]:
    """What happened to `rollout`, in order."""
    query = (
        sa.select(ROLLOUT_EVENTS)
        .where(ROLLOUT_EVENTS.c.rollout == rollout)
        .order_by(ROLLOUT_EVENTS.c.sequence)
    )
    with engine.connect() as connection:
        return [Event(**row) for row in connection.execute(query).mappings()]
