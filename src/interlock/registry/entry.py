"""One line of the history: what happened to an alias of a model."""

from __future__ import annotations

from typing import Any, ClassVar, Literal, TypeAlias

from interlock.registry.chain import Link

Event: TypeAlias = Literal["intended", "moved", "abandoned", "noticed"]
Move: TypeAlias = Literal["alias", "promotion", "rollback"]


class Entry(Link, frozen=True, kw_only=True):
    """One thing that happened to one alias.

    ``intended`` is written before an alias is moved, ``moved`` or ``abandoned`` after (`settles`
    is the sequence of the intention). ``noticed`` is a move that did not go through Interlock:
    its `actor` and `reason` are None.

    `number`, `version` and `digest` say where the alias is from then on; all None when it was
    removed. `since` is when that took effect, `moment` when this entry was written.

    `move` says by which command it was moved, `forced` whether a person put it there without the
    evidence that the policy asks for.
    """

    LATER: ClassVar[dict[str, Any]] = {"move": "alias", "forced": False}

    name: str
    event: Event
    alias: str
    number: int | None = None
    version: str | None = None
    digest: str | None = None
    actor: str | None = None
    reason: str | None = None
    settles: int | None = None
    since: str
    moment: str
    move: Move = "alias"
    forced: bool = False

    @property
    def settled_state(self) -> bool:
        """Whether it says where the alias is, not only where somebody meant it to be."""
        return self.event in ("moved", "noticed")

    def told(self) -> str:
        """Who moved the alias where, when and why, as a clause."""
        who = self.actor or "somebody without Interlock"
        why = f" ({self.reason})" if self.reason else ""
        if self.number is None:
            return f"{who} took {self.alias} of {self.name} away at {self.since}{why}"
        there = self.version or f"MLflow version {self.number}"
        return f"{who} put {self.alias} of {self.name} on {there} at {self.since}{why}"
