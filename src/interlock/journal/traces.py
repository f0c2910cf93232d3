"""What the spool tells about one subject: its answers, and the labels and failures on their way."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec

from interlock.journal import segments
from interlock.journal.reading import Reader
from interlock.journal.record import Answer, Failure, Label, Record
from interlock.journal.segments import Segment

_PIECE = 4 * 1024 * 1024  # bytes of a segment in memory at a time


class Answered(NamedTuple):
    """A row that somebody was answered with, as labels by key find it: the last one is meant."""

    moment: int
    id: str
    deployment: str
    ours: bool


class Traces(msgspec.Struct):
    """What lies in a spool about the subject: `readable` are the segments that erasing its key
    leaves something readable in, `clear` says whether anything was written in clear.
    """

    subject: bytes
    key: bytes
    predictions: set[str] = msgspec.field(default_factory=set)
    keys: set[bytes] = msgspec.field(default_factory=set)
    labels: list[tuple[Label, Path]] = msgspec.field(default_factory=list)
    readable: set[Path] = msgspec.field(default_factory=set)
    clear: bool = False

    def look(self, spool: Path) -> None:
        """Find what there is."""
        for path, record in _records(spool):
            if isinstance(record, Answer):
                self._answer(record, path)
            elif isinstance(record, Failure):
                self._failure(record, path)
            else:
                self.labels += [(label, path) for label in record]

    def note(self, path: Path, seal: bytes | None, payload: bytes | None) -> None:
        """Remember that `payload`, which is about the subject, lies in the segment `path`."""
        if payload is not None and seal is None:
            self.readable.add(path)
            self.clear = True

    def _answer(self, record: Answer, path: Path) -> None:
        for row in record.rows:
            if row.subject == self.subject:
                self.predictions.add(row.id)
                if record.key is not None:
                    self.keys.add(record.key)
                self.note(path, row.seal, row.payload)

    def _failure(self, record: Failure, path: Path) -> None:
        if record.subject == self.subject or record.key == self.key:
            self.note(path, record.seal, record.body)
            if record.body is not None and record.subject != self.subject:
                self.readable.add(path)  # sealed, but for somebody else


def answered(spool: Path, keys: Collection[bytes], subject: bytes) -> dict[bytes, list[Answered]]:
    """The rows in `spool` by each of the routing `keys`; shadows have no caller."""
    found: dict[bytes, list[Answered]] = {key: [] for key in keys}
    for _, record in _records(spool):
        if isinstance(record, Answer) and record.key in found:
            found[record.key] += [
                Answered(record.moment, row.id, record.deployment, row.subject == subject)
                for row in record.rows
                if row.primary is None
            ]
    return found


def _records(spool: Path) -> Iterator[tuple[Path, Record]]:
    for segment in segments.listed(spool):
        yield from ((segment.path, record) for record in _read(segment))


def _read(segment: Segment) -> Iterator[Record]:
    offset = 0
    try:
        while (piece := Reader(segment.path).read(offset, _PIECE)).end > offset:
            yield from piece.records
            offset = piece.end
    except FileNotFoundError:
        return  # shipped and deleted in between
