"""One line of the history, and the chain of hashes that makes a change to any of them show."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Literal, TypeAlias

import msgspec

from interlock.errors import RegistryError

START = "0" * 64
"""What the first entry of a model names as the hash before it."""

Event: TypeAlias = Literal["intended", "moved", "abandoned", "noticed"]


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened to one alias.

    ``intended`` is written before an alias is moved, ``moved`` or ``abandoned`` after (`settles`
    is the sequence of the intention). ``noticed`` is a move that did not go through Interlock:
    its `actor` and `reason` are None.

    `number`, `version` and `digest` say where the alias is from then on; all None when it was
    removed. `since` is when that took effect, `moment` when this entry was written.
    """

    name: str
    sequence: int
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
    previous: str = START
    hash: str = ""

    @property
    def settled_state(self) -> bool:
        """Whether it says where the alias is, not only where somebody meant it to be."""
        return self.event in ("moved", "noticed")


def seal(entry: Entry, previous: str) -> Entry:
    """`entry` with its place in the chain: SHA-256 over the hash before and its own content."""
    chained = msgspec.structs.replace(entry, previous=previous, hash="")
    content = msgspec.json.encode(chained, order="sorted")
    digest = hashlib.sha256(previous.encode() + content).hexdigest()
    return msgspec.structs.replace(chained, hash=digest)


def verify(name: str, entries: Sequence[Entry]) -> None:
    """Check the chain of one model's entries, oldest first.

    Raises
    ------
    RegistryError
        Names the first entry that was changed, or before which one is missing.
    """
    previous = START
    for expected, entry in enumerate(entries, start=1):
        if entry.sequence != expected:
            raise RegistryError(_broken(name, expected, "it is missing"))
        if seal(entry, previous) != entry:
            raise RegistryError(_broken(name, expected, "it was changed after it was written"))
        previous = entry.hash


def _broken(name: str, sequence: int, what: str) -> str:
    return (
        f"the history of {name} is broken at entry {sequence}: {what}."
        " Compare the table interlock_history with a backup; nothing after that entry is certain."
    )
