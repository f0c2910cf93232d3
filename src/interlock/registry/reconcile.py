"""What the history has to say so that it agrees with MLflow: facts in, the next entry out.

An alias and its history are in two systems, so a crash can come between them. A move is written
in three steps: the intention (who, what, why), the alias in MLflow, the outcome. Whoever looks
next finds an intention without an outcome and settles it by where the alias is. An alias that is
somewhere that no entry accounts for was moved behind our back; that is put on record as such.

An intention also keeps others from moving the same alias until it is settled, so that the order
of entries is the order of moves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from interlock.registry import moment
from interlock.registry.entry import Entry
from interlock.registry.reference import TARGETS
from interlock.registry.version import Version

PATIENCE = 60.0
"""Seconds after which a move that did not arrive is given up. Until then its mover may be alive:
MLflow's own retries, as we set them, end well before."""

Place = tuple[int, Version | None]
"""MLflow's number of a version, and the version where it is one of ours."""


def standing(entries: Sequence[Entry]) -> dict[str, Entry]:
    """The entry that put each alias where the history says that it is."""
    last = {entry.alias: entry for entry in entries if entry.settled_state}
    return {alias: entry for alias, entry in last.items() if entry.number is not None}


def recorded(entries: Sequence[Entry]) -> dict[str, int]:
    """Where the history says that each alias is: MLflow's numbers, by alias."""
    found = standing(entries).items()
    return {alias: entry.number for alias, entry in found if entry.number is not None}


def forced(entries: Sequence[Entry]) -> dict[int, set[str]]:
    """Aliases that are where they are without evidence, by MLflow's number of the version."""
    places: dict[int, set[str]] = {}
    for alias, entry in standing(entries).items():
        if entry.forced and entry.number is not None:
            places.setdefault(entry.number, set()).add(alias)
    return places


def foreign(entries: Sequence[Entry], version: Version) -> tuple[str, ...]:
    """Those of the version's aliases that take evidence, and were put there without Interlock.

    That may be on record already, or be noticed at the next look.
    """
    ours = {
        (entry.alias, entry.number)
        for entry in (*standing(entries).values(), *pending(entries))
        if entry.event != "noticed"
    }
    there = (alias for alias in version.aliases if alias in TARGETS)
    return tuple(alias for alias in there if (alias, version.number) not in ours)


def pending(entries: Sequence[Entry]) -> list[Entry]:
    """Intentions without an outcome, oldest first."""
    settled = {entry.settles for entry in entries}
    return [
        entry for entry in entries if entry.event == "intended" and entry.sequence not in settled
    ]


def next_entry(
    name: str, entries: Sequence[Entry], actual: Mapping[str, Place], now: str
) -> Entry | None:
    """The entry that is missing, or None when history and MLflow agree.

    `actual` is where MLflow has each alias. Append the entry and ask again: there may be more.
    """
    open_moves = pending(entries)
    for intent in open_moves:
        outcome = _outcome(intent, entries, actual, now)
        if outcome is not None:
            return outcome
    return _unaccounted(name, entries, actual, now, {intent.alias for intent in open_moves})


def moving(entries: Sequence[Entry], alias: str) -> Entry | None:
    """The move of `alias` that is in progress, if there is one: nobody else may begin another."""
    return next((intent for intent in pending(entries) if intent.alias == alias), None)


def overtaken(entries: Sequence[Entry], seen: Mapping[str, int | None]) -> Entry | None:
    """The last move of an alias that is no longer where somebody has `seen` it, if there is one."""
    places = recorded(entries)
    gone = {alias for alias, number in seen.items() if places.get(alias) != number}
    moves = (entry for entry in reversed(entries) if entry.settled_state and entry.alias in gone)
    return next(moves, None)


def settle(intent: Entry, entries: Sequence[Entry], *, arrived: bool, since: str) -> Entry:
    """The outcome of `intent`, as the next entry after `entries`."""
    return msgspec.structs.replace(
        intent,
        sequence=len(entries) + 1,
        event="moved" if arrived else "abandoned",
        settles=intent.sequence,
        since=_not_before(entries, intent.alias, since),
        moment=moment.now(),
    )


def _outcome(
    intent: Entry, entries: Sequence[Entry], actual: Mapping[str, Place], now: str
) -> Entry | None:
    there = _number(actual, intent.alias)
    if there == intent.number and recorded(entries).get(intent.alias) != there:
        # The alias followed its intention at once; when exactly, its mover did not live to say.
        return settle(intent, entries, arrived=True, since=intent.since)
    if moment.seconds_between(intent.moment, now) > PATIENCE:
        return settle(intent, entries, arrived=False, since=now)
    return None


def _unaccounted(
    name: str,
    entries: Sequence[Entry],
    actual: Mapping[str, Place],
    now: str,
    in_progress: set[str],
) -> Entry | None:
    known = recorded(entries)
    for alias in sorted((known.keys() | actual.keys()) - in_progress):
        if known.get(alias) != _number(actual, alias):
            since = _not_before(entries, alias, now)
            return _noticed(name, len(entries) + 1, alias, actual.get(alias), since=since, now=now)
    return None


def _noticed(
    name: str, sequence: int, alias: str, place: Place | None, *, since: str, now: str
) -> Entry:
    number, version = place or (None, None)
    return Entry(
        name=name,
        sequence=sequence,
        event="noticed",
        alias=alias,
        number=number,
        version=version.version if version else None,
        digest=version.digest if version else None,
        since=since,
        moment=now,
    )


def _not_before(entries: Sequence[Entry], alias: str, since: str) -> str:
    """`since`, unless the clock of who wrote last was ahead: periods never overlap."""
    moves = [entry.since for entry in entries if entry.settled_state and entry.alias == alias]
    return max([since, *moves[-1:]])


def _number(actual: Mapping[str, Place], alias: str) -> int | None:
    place = actual.get(alias)
    return place[0] if place else None
