"""Frames: how records lie in a file one after another, so that damage shows and stays small.

A frame is a head of 12 bytes and a payload. The head, little-endian: the two bytes ``IJ``, the
format version, the kind, the payload's length, and a CRC-32 over all of that and the payload.
Whoever appends writes whole frames with one call, so a crash leaves at most one torn frame, at the
end. What is damaged elsewhere is skipped: the next frame is found by its mark and proven by its
checksum.
"""

from __future__ import annotations

import enum
import struct
from collections.abc import Iterator
from typing import NamedTuple
from zlib import crc32

VERSION = 1
"""Format of frames. A reader refuses a newer one by name."""

LARGEST = 64 * 1024 * 1024
"""Bytes of the largest payload. A length above this is damage."""

_MARK = b"IJ"
_HEAD = struct.Struct("<2sBBII")
HEAD = _HEAD.size
"""Bytes before every payload."""

_CHECKED = struct.Struct("<BBI")  # what the checksum covers of the head: from its third byte on


class Kind(enum.IntEnum):
    """What a payload is: see `interlock.journal.record`."""

    ANSWER = 1
    FAILURE = 2
    LABELS = 3


class Frame(NamedTuple):
    """One record as it lies in a file: `start` and `end` are offsets in bytes."""

    version: int
    kind: int
    payload: bytes
    start: int
    end: int


class Damage(NamedTuple):
    """Bytes that are no frame, from `start` to `end`.

    `torn` when they are the beginning of one whose end is missing: what a crash leaves.
    """

    start: int
    end: int
    torn: bool


def pack(kind: int, payload: bytes) -> bytes:
    """A frame around `payload`.

    >>> [frame.payload for frame in unpack(pack(Kind.ANSWER, b"one") + pack(Kind.ANSWER, b"two"))]
    [b'one', b'two']
    """
    length = len(payload)
    checksum = crc32(payload, crc32(_CHECKED.pack(VERSION, kind, length)))
    return _HEAD.pack(_MARK, VERSION, kind, length, checksum) + payload


def unpack(data: bytes, base: int = 0) -> Iterator[Frame | Damage]:
    """Everything in `data`, in order; what is no frame is told as damage.

    `base` is where `data` begins in its file: starts and ends are counted from there.
    """
    offset = 0
    while offset < len(data):
        found = _at(data, offset, base)
        if found is None:
            after = _next(data, offset + 1)
            torn = after == len(data) and _is_cut(data, offset)
            yield Damage(base + offset, base + after, torn)
            offset = after
        else:
            yield found
            offset = found.end - base


def _at(data: bytes, offset: int, base: int = 0) -> Frame | None:
    """The frame that starts at `offset`, if a whole and sound one does."""
    start = offset + HEAD
    if start > len(data):
        return None
    mark, version, kind, length, checksum = _HEAD.unpack_from(data, offset)
    end = start + length
    if mark != _MARK or length > LARGEST or end > len(data):
        return None
    payload = data[start:end]
    if crc32(payload, crc32(data[offset + 2 : offset + 8])) != checksum:
        return None
    return Frame(version, kind, payload, base + offset, base + end)


def wanted(head: bytes) -> int:
    """Bytes of the frame that begins with `head`, as far as it says: at least those of a head."""
    if len(head) < HEAD or head[:2] != _MARK:
        return HEAD
    length: int = _HEAD.unpack_from(head)[3]
    return HEAD + length if length <= LARGEST else HEAD


def _is_cut(data: bytes, offset: int) -> bool:
    head = data[offset : offset + HEAD]
    return head[:2] == _MARK[: len(head)] and offset + wanted(head) > len(data)


def _next(data: bytes, offset: int) -> int:
    """Where the next sound frame starts; the end of `data` when there is none."""
    while (offset := data.find(_MARK, offset)) >= 0:
        if _at(data, offset) is not None:
            return offset
        offset += 1
    return len(data)
