"""The chain of hashes that makes a change to any line of a record show.

Every line carries the hash of the line before it and its own: SHA-256 over the hash before and
its own content. So no line can be changed, taken out or put elsewhere unnoticed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, ClassVar, TypeVar

import msgspec

from interlock.errors import RegistryError

START = "0" * 64
"""What the first line of a chain names as the hash before it."""


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a record: its number in its chain, the hash before it and its own.

    `LATER` holds fields that a line got after there were chains, with their defaults. A field at
    its default is left out of the hash, so that lines written before it existed still hold.
    """

    LATER: ClassVar[dict[str, Any]] = {}

    sequence: int
    previous: str = START
    hash: str = ""


Kind = TypeVar("Kind", bound=Link)


def seal(link: Kind, previous: str) -> Kind:
    """`link` with its place in the chain: SHA-256 over the hash before and its own content."""
    chained = msgspec.structs.replace(link, previous=previous, hash="")
    digest = hashlib.sha256(previous.encode() + _content(chained)).hexdigest()
    return msgspec.structs.replace(chained, hash=digest)


def extend(links: Sequence[Kind], previous: str) -> list[Kind]:
    """`links` in their order, sealed to each other and to the hash before them."""
    sealed: list[Kind] = []
    for link in links:
        sealed.append(seal(link, sealed[-1].hash if sealed else previous))
    return sealed


def verify(title: str, table: str, links: Sequence[Link]) -> None:
    """Check one whole chain, oldest line first; `title` and `table` say what it is and where.

    Raises
    ------
    RegistryError
        Names the first line that was changed, or before which one is missing.
    """
    previous = START
    for expected, link in enumerate(links, start=1):
        if link.sequence != expected:
            raise RegistryError(_broken(title, table, expected, "it is missing"))
        if seal(link, previous) != link:
            what = "it was changed after it was written"
            raise RegistryError(_broken(title, table, expected, what))
        previous = link.hash


def _content(link: Link) -> bytes:
    said = msgspec.to_builtins(link)
    for field, default in link.LATER.items():
        if said[field] == default:
            del said[field]
    return msgspec.json.encode(said, order="sorted")


def _broken(title: str, table: str, sequence: int, what: str) -> str:
    return (
        f"the {title} is broken at entry {sequence}: {what}."
        f" Compare the table {table} with a backup; nothing after that entry is certain."
    )
