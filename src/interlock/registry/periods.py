"""Which version was live when: the history, read as periods."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from interlock.registry.entry import Entry, Move


class Period(msgspec.Struct, frozen=True, kw_only=True):
    """An alias on one version from `start` until `end` (None: until now).

    `version` is None for a version that was not registered by Interlock; `number` is MLflow's. It
    is None when the alias was taken away: then `actor` and `reason` say who did that and why.
    `actor` and `reason` say who put it there and why, `ended_by` and `ended_because` who took it
    away; both are None for a move that was made behind Interlock's back and only `noticed`.
    `move` is the command that put it there, `forced` whether that was without the evidence that
    the policy asks for.
    """

    name: str
    alias: str
    version: str | None
    number: int | None
    digest: str | None
    start: str
    end: str | None = None
    actor: str | None = None
    reason: str | None = None
    ended_by: str | None = None
    ended_because: str | None = None
    noticed: bool = False
    move: Move = "alias"
    forced: bool = False

    @property
    def gone(self) -> bool:
        """Whether the alias was nowhere."""
        return self.number is None

    def covers(self, moment: str) -> bool:
        """Whether the alias was there at `moment` (in the form of `interlock.registry.moment`)."""
        return self.start <= moment and (self.end is None or moment < self.end)


def periods(entries: Sequence[Entry]) -> list[Period]:
    """The periods that one model's `entries` (oldest first) tell of, in order of their start."""
    done: list[Period] = []
    live: dict[str, Period] = {}
    for entry in entries:
        if not entry.settled_state:
            continue
        ended = live.pop(entry.alias, None)
        if ended is not None:
            done.append(_ended(ended, entry))
        live[entry.alias] = _started(entry)
    return sorted([*done, *live.values()], key=lambda period: (period.start, period.alias))


def _started(entry: Entry) -> Period:
    return Period(
        name=entry.name,
        alias=entry.alias,
        version=entry.version,
        number=entry.number,
        digest=entry.digest,
        start=entry.since,
        actor=entry.actor,
        reason=entry.reason,
        noticed=entry.event == "noticed",
        move=entry.move,
        forced=entry.forced,
    )


def _ended(period: Period, entry: Entry) -> Period:
    return msgspec.structs.replace(
        period, end=entry.since, ended_by=entry.actor, ended_because=entry.reason
    )
