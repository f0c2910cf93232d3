"""Moving aliases so that MLflow and the history agree, whatever is interrupted when.

`interlock.registry.reconcile` decides what the history has to say; this module reads the facts
and writes the decisions down.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec

from interlock.errors import ConflictError, InterlockError, UnknownError
from interlock.registry import moment, reconcile
from interlock.registry.entry import Entry, Move
from interlock.registry.periods import Period, periods
from interlock.registry.version import Version

if TYPE_CHECKING:
    from interlock.registry.backend import Backend
    from interlock.registry.direct import Direct
    from interlock.registry.log import Log


WAIT = 10.0
"""Seconds that a move waits for somebody else's move of the same alias."""


class Ledger:
    """The aliases in `backend`, kept together with their `history`."""

    def __init__(self, backend: Backend | Direct, history: Log[Entry]) -> None:
        self._backend = backend
        self._history = history

    def look(self, name: str) -> None:
        """Write down what the history lacks: outcomes of interrupted moves, and foreign moves.

        Does not check the chain: a broken history must not keep anybody from rolling back.
        """
        while True:
            # The entries first: what is written between these two reads makes `append` refuse.
            entries = self._history.entries(name)
            missing = reconcile.next_entry(name, entries, self.places(name), moment.now())
            if missing is None:
                return
            self._history.append(missing)

    def periods(self, name: str) -> list[Period]:
        """Which version was live when; RegistryError when the chain is broken."""
        self.look(name)
        return periods(self._history.verified(name))

    def entries(self, name: str) -> list[Entry]:
        """What is on record after a look, oldest first; the chain is not checked."""
        self.look(name)
        return self._history.entries(name)

    def move(
        self,
        name: str,
        alias: str,
        target: Version | None,
        *,
        actor: str,
        reason: str,
        move: Move = "alias",
        forced: bool = False,
        seen: Mapping[str, int | None] | None = None,
    ) -> None:
        """Put `alias` on `target`, or take it away: intention, alias, outcome, in this order.

        An intention without an outcome is a lock on its alias. Who finds one waits a little.
        `seen` is what the decision rests on: MLflow's number of the version that an alias was on.

        Raises
        ------
        ConflictError
            When somebody else's move of the same alias does not end, or when an alias in `seen`
            is elsewhere by now: names who moved it.
        """
        draft = Entry(
            name=name,
            sequence=0,
            event="intended",
            alias=alias,
            number=target.number if target else None,
            version=target.version if target else None,
            digest=target.digest if target else None,
            actor=actor,
            reason=reason,
            since="",
            moment="",
            move=move,
            forced=forced,
        )
        intent = self._intend(draft, seen or {})
        try:
            if target is None:
                self._backend.remove_alias(name, alias)
            else:
                self._backend.set_alias(name, alias, target.number)
        except InterlockError:
            self._give_up(intent)
            raise
        self._confirm(intent, moment.now())

    def places(self, name: str) -> dict[str, reconcile.Place]:
        """Where MLflow has each alias; empty for a model that it does not have (any more)."""
        try:
            aliases = self._backend.aliases(name)
        except UnknownError:
            return {}
        return {
            alias: (number, self._backend.numbered(name, number))
            for alias, number in aliases.items()
        }

    def _intend(self, draft: Entry, seen: Mapping[str, int | None]) -> Entry:
        deadline = time.monotonic() + WAIT
        while True:
            entries = self._history.entries(draft.name)
            other = reconcile.moving(entries, draft.alias)
            if other is not None:
                self._wait(other, deadline)
                continue
            winner = reconcile.overtaken(entries, seen)
            if winner is not None:
                raise ConflictError(f"{winner.told()} in the meantime, so nothing was moved")
            now = moment.now()
            intent = msgspec.structs.replace(
                draft, sequence=len(entries) + 1, since=now, moment=now
            )
            if self._history.append(intent) is not None:
                return intent

    def _wait(self, other: Entry, deadline: float) -> None:
        if time.monotonic() > deadline:
            raise ConflictError(
                f"{other.actor} is moving {other.alias} of {other.name} since {other.moment}."
                f" If that was interrupted, it is given up after {reconcile.PATIENCE:.0f} seconds:"
                " try again then."
            )
        time.sleep(0.02)
        self.look(other.name)

    def _give_up(self, intent: Entry) -> None:
        """Free the alias at once, unless the refusal came after the alias had moved."""
        try:
            entries = self._history.entries(intent.name)
            place = self.places(intent.name).get(intent.alias)
        except InterlockError:
            return  # away altogether; whoever looks next settles it
        if (place[0] if place else None) != intent.number:
            outcome = reconcile.settle(intent, entries, arrived=False, since=moment.now())
            self._history.append(outcome)

    def _confirm(self, intent: Entry, since: str) -> None:
        while True:
            entries = self._history.entries(intent.name)
            if any(one.settles == intent.sequence and one.event == "moved" for one in entries):
                return  # somebody who looked meanwhile has put it on record
            outcome = reconcile.settle(intent, entries, arrived=True, since=since)
            if self._history.append(outcome) is not None:
                return
