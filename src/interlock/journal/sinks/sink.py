"""What the shipper asks of every sink."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Protocol, TypeAlias

from interlock.journal.record import Record

Confirm: TypeAlias = Callable[[], None]
"""Raises OutdatedError when records that were handed over may not be kept any more."""


def certain() -> None:
    """Nothing can have come in between."""


class Sink(Protocol):
    """A place that keeps records, and beside them how far it has come in each segment.

    One thread calls all of this. Every method raises a JournalError when the place cannot be
    reached or refuses; the caller then begins again with `cursors`, so nothing may be taken for
    kept that was not.
    """

    @property
    def name(self) -> str: ...

    @property
    def whole(self) -> bool:
        """Whether only closed segments are taken, and kept once `finish` was called."""

    def cursors(self) -> dict[str, int]:
        """Bytes that are kept of each segment, by its name."""

    def write(
        self, segment: str, records: Sequence[Record], end: int, confirm: Confirm = certain
    ) -> None:
        """Keep `records`, the segment's next ones up to byte `end`.

        A repeated id changes nothing. `confirm` is called when whoever erases cannot overlook them
        any more, and before they are kept: what it raises keeps them out.
        """

    def finish(self, segment: str, end: int) -> None:
        """The segment is closed, `end` bytes long, and all of it was written."""

    def forget(self, segments: Collection[str]) -> None:
        """These segments are gone: their cursors are of no use any more."""

    def close(self) -> None:
        """Give connections and files back."""
