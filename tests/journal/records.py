"""Records and segments to try things on."""

from __future__ import annotations

from pathlib import Path

from interlock.journal import segments
from interlock.journal.record import Answer, Record, Row, frame


def answer(number: int, payload: bytes = b"payload") -> Answer:
    """An answer that tells which one it is by its moment, and by the id of its only row."""
    row = Row(f"id-{number}", payload)
    return Answer(number, "beat", "1.0.0", "live", "plain", 0.001, [row])


def numbers(records: list[Record]) -> list[int]:
    """Which answers these are."""
    return [record.moment for record in records if isinstance(record, Answer)]


def frames(count: int, payload: bytes = b"payload") -> list[bytes]:
    """As many answers as frames, numbered from 0."""
    return [frame(answer(number, payload)) for number in range(count)]


def closed(directory: Path, data: bytes, *, started: int = 1, slot: int = 0) -> Path:
    """A segment with `data` in it to which nobody writes."""
    path = segments.folder(directory) / f"{started:020d}-{slot}-7.segment"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path
