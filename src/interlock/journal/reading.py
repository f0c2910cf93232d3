"""Reading a segment, also while somebody writes to it: all that is sound, and where it is not."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec

from interlock.errors import FormatError
from interlock.journal import record, segments
from interlock.journal.frame import HEAD, LARGEST, VERSION, Damage, Frame, Kind, unpack, wanted
from interlock.journal.record import Record

_AT_ONCE = 2**20
_KINDS = frozenset(Kind)
_FAR = 2 * (HEAD + LARGEST)  # every frame that begins in the first half of so much ends in it


class Piece(NamedTuple):
    """Records in their order, damages among them, and the offset to read on from."""

    records: list[Record]
    damages: list[Damage]
    end: int


class Reader:
    """Reads the segment at `path`."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self, offset: int, limit: int) -> Piece:
        """What there is from `offset` on, in about `limit` bytes; at least one record if there is.

        What is no whole frame at the end of a segment that is still open is not there yet. `end`
        is `offset` when nothing more is to be had.

        Raises
        ------
        FileNotFoundError
            When the segment was deleted.
        FormatError
            When the next record is of a format that this release does not know.
        """
        closed = segments.is_closed(self._path)  # looked at first: nothing comes after it
        with self._path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            data = _pread(file.fileno(), offset, limit)
            found = list(_unpack(data, offset))
            if offset + len(data) < size and _is_damage(found[:1]):
                data = _pread(file.fileno(), offset, _FAR)
                found = list(_unpack(data, offset))
        ends = closed and offset + len(data) >= size
        return self._piece(found, offset, offset + len(data), ends)

    def _piece(self, found: list[Frame | Damage], start: int, stop: int, ends: bool) -> Piece:
        """`ends` when nothing follows the byte at `stop`."""
        records: list[Record] = []
        damages: list[Damage] = []
        end = start
        for item in found:
            if isinstance(item, Damage):
                end = item.end if ends or item.end < stop else self._sure(item)
                if end > item.start:
                    damages.append(item._replace(end=end))
            elif item.version > VERSION or item.kind not in _KINDS:
                if end == start:
                    raise self._unknown(item)
                break
            else:
                try:
                    records.append(record.read(item.kind, item.payload))
                except msgspec.DecodeError:  # sound, and yet no record: nothing of ours wrote it
                    damages.append(Damage(item.start, item.end, torn=False))
                end = item.end
        return Piece(records, damages, end)

    def _sure(self, damage: Damage) -> int:
        """Where a damage ends for sure when more may follow: a frame may begin before that."""
        return max(damage.start, damage.end - HEAD - LARGEST)

    def _unknown(self, frame: Frame) -> FormatError:
        return FormatError(
            f"{self._path}: a record at byte {frame.start} has format {frame.version} and kind"
            f" {frame.kind}; this release reads format {VERSION}. Use the release that wrote it."
        )


def answers(directory: Path, most: int) -> int:
    """How many answers lie in the spool of a journal; counting ends with `most`."""
    count = 0
    for segment in segments.listed(directory):
        for found in _pieces(Reader(segment.path)):
            count += sum(isinstance(one, record.Answer) for one in found.records)
            if count >= most:
                return most
    return count


def _pieces(reader: Reader) -> Iterator[Piece]:
    offset = 0
    while True:
        try:
            found = reader.read(offset, _AT_ONCE)
        except FileNotFoundError:
            return  # shipped and deleted in between
        if found.end == offset:
            return
        yield found
        offset = found.end


def _pread(file: int, offset: int, limit: int) -> bytes:
    """`limit` bytes, or more where one frame is larger."""
    limit = max(limit, wanted(os.pread(file, HEAD, offset)))
    chunks = []
    while limit > 0 and (chunk := os.pread(file, limit, offset)):
        chunks.append(chunk)
        offset += len(chunk)
        limit -= len(chunk)
    return b"".join(chunks)


def _is_damage(found: list[Frame | Damage]) -> bool:
    return bool(found) and isinstance(found[0], Damage)


def _is_begun(data: bytes) -> bool:
    """Whether a frame that seems cut off is one: a wrong length makes a whole one look so."""
    return len(data) < HEAD or record.is_begun(data[3], data[HEAD:])


def _unpack(data: bytes, offset: int) -> Iterator[Frame | Damage]:
    for item in unpack(data, offset):
        if isinstance(item, Damage) and item.torn:
            yield item._replace(torn=_is_begun(data[item.start - offset :]))
        else:
            yield item
