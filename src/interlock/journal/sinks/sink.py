"""What the shipper asks of every sink."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol

from interlock.journal.record import Record


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

    def write(self, segment: str, records: Sequence[Record], end: int) -> None:
        """Keep `records`, the segment's next ones up to byte `end`.

        A repeated id changes nothing.
        """

    def finish(self, segment: str, end: int) -> None:
        """The segment is closed, `end` bytes long, and all of it was written."""

    def forget(self, segments: Collection[str]) -> None:
        """These segments are gone: their cursors are of no use any more."""

    def close(self) -> None:
        """Give connections and files back."""
