"""Segments read while they are written, after a crash, and after damage."""

from __future__ import annotations

import os
import random
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interlock.errors import FormatError
from interlock.journal import frame as framing
from interlock.journal import segments
from interlock.journal.frame import Damage, Kind, pack
from interlock.journal.reading import Piece, Reader

from .records import answer, closed, frames, numbers

MEGABYTE = 1024 * 1024


def all_of(path: Path, limit: int) -> Piece:
    """A segment read from its beginning, piece by piece."""
    whole = Piece([], [], 0)
    while True:
        piece = Reader(path).read(whole.end, limit)
        if piece.end == whole.end:
            return whole
        assert piece.end > whole.end
        whole = Piece(whole.records + piece.records, whole.damages + piece.damages, piece.end)


@pytest.mark.parametrize("limit", [1, 100, 1000, MEGABYTE])
def test_pieces_of_any_size_give_every_record_once(tmp_path: Path, limit: int) -> None:
    """However little is read at a time, a frame is never cut, left out or repeated."""
    data = frames(20)
    path = closed(tmp_path, b"".join(data))
    piece = all_of(path, limit)
    assert numbers(piece.records) == list(range(20))
    assert (piece.damages, piece.end) == ([], path.stat().st_size)


def test_a_record_larger_than_a_piece_is_read(tmp_path: Path) -> None:
    """At least one record comes, if there is one; no more than asked for comes beside it."""
    path = closed(tmp_path, b"".join(frames(3, payload=bytes(5000))))
    assert numbers(Reader(path).read(0, 10).records) == [0]


@given(st.integers(0, 20_000), st.integers(1, 2000))
def test_a_truncated_segment_loses_what_was_cut(at: int, limit: int) -> None:
    """Everything before the cut is there, and the torn rest is told."""
    data = frames(40)
    whole = b"".join(data)[:at]
    with tempfile.TemporaryDirectory() as folder:
        piece = all_of(closed(Path(folder), whole), limit)
    sound = sum(len(b"".join(data[: n + 1])) <= at for n in range(len(data)))
    rest = len(whole) - len(b"".join(data[:sound]))
    assert numbers(piece.records) == list(range(sound))
    torn = [Damage(len(whole) - rest, len(whole), torn=True)] if rest else []
    assert (piece.damages, piece.end) == (torn, len(whole))


@given(
    st.lists(st.tuples(st.integers(0, 39), st.floats(0, 0.999)), min_size=1), st.integers(1, 900)
)
def test_flipped_bits_lose_the_frames_they_are_in(
    flips: list[tuple[int, float]], limit: int
) -> None:
    """All other records are read, whatever was flipped and however little is read at a time."""
    data = [bytearray(frame) for frame in frames(40)]
    for number, place in flips:
        data[number][int(place * len(data[number]))] ^= 0x40
    bad = {number for number, frame in enumerate(frames(40)) if frame != bytes(data[number])}
    with tempfile.TemporaryDirectory() as folder:
        path = closed(Path(folder), b"".join(data))
        piece = all_of(path, limit)
        assert piece.end == path.stat().st_size
    assert numbers(piece.records) == [number for number in range(40) if number not in bad]
    assert sum(damage.end - damage.start for damage in piece.damages) == sum(
        len(data[number]) for number in bad
    )


def test_whatever_is_in_a_file_reading_it_ends(tmp_path: Path) -> None:
    """Random bytes, and records with random bytes among them: nothing is raised or made up."""
    chance = random.Random(11)
    written = frames(5)
    for _ in range(300):
        parts = [
            chance.choice([chance.randbytes(chance.randrange(300)), *written]) for _ in range(8)
        ]
        path = closed(tmp_path, b"".join(parts))
        piece = all_of(path, chance.choice([1, 50, MEGABYTE]))
        assert numbers(piece.records) == [written.index(part) for part in parts if part in written]
        assert piece.end == path.stat().st_size


def test_what_is_on_its_way_is_not_there_yet(tmp_path: Path) -> None:
    """The beginning of a frame in an open segment is no damage: the rest of it comes."""
    segments.folder(tmp_path).mkdir()
    file, segment = segments.create(tmp_path, 0)
    first, second = frames(2)
    os.write(file, first + second[:20])
    piece = Reader(segment.path).read(0, MEGABYTE)
    assert (numbers(piece.records), piece.damages, piece.end) == ([0], [], len(first))
    assert Reader(segment.path).read(len(first), MEGABYTE) == Piece([], [], len(first))
    os.write(file, second[20:])
    assert numbers(Reader(segment.path).read(len(first), MEGABYTE).records) == [1]
    os.write(file, b"IJ")
    os.close(file)
    end = len(first + second)
    assert Reader(segment.path).read(end, MEGABYTE).damages == [Damage(end, end + 2, torn=True)]


def test_reading_behind_the_end_finds_nothing(tmp_path: Path) -> None:
    """A segment that was cut back after it was read has nothing more to say."""
    path = closed(tmp_path, frames(1)[0])
    assert Reader(path).read(10_000, MEGABYTE) == Piece([], [], 10_000)


def test_a_sound_frame_that_is_no_record_is_damage(tmp_path: Path) -> None:
    """It is passed over and told, and does not keep the next one back."""
    stray = pack(Kind.ANSWER, b"\x01")
    path = closed(tmp_path, stray + frames(1)[0])
    piece = Reader(path).read(0, MEGABYTE)
    assert numbers(piece.records) == [0]
    assert piece.damages == [Damage(0, len(stray), torn=False)]


@pytest.mark.parametrize(("version", "kind"), [(framing.VERSION + 1, Kind.ANSWER), (1, 99)])
def test_a_newer_format_is_refused_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: int, kind: int
) -> None:
    """What comes before it is read; it is never taken for damage, nor passed over."""
    (old,) = frames(1)
    with monkeypatch.context() as changed:
        changed.setattr(framing, "VERSION", version)
        newer = pack(kind, b"what will be")
    path = closed(tmp_path, old + newer)
    piece = Reader(path).read(0, MEGABYTE)
    assert (numbers(piece.records), piece.damages, piece.end) == ([0], [], len(old))
    message = f"byte {len(old)} has format {version} and kind {int(kind)}; this release reads form"
    with pytest.raises(FormatError, match=message):
        Reader(path).read(piece.end, MEGABYTE)


def test_a_segment_that_was_deleted_is_said_to_be_missing(tmp_path: Path) -> None:
    """The caller knows then that all sinks have it."""
    with pytest.raises(FileNotFoundError):
        Reader(tmp_path / "gone").read(0, 1)


def test_a_record_reads_as_it_was_written(tmp_path: Path) -> None:
    """Not only its number: all of it."""
    assert Reader(closed(tmp_path, frames(1)[0])).read(0, 1).records == [answer(0)]


@pytest.mark.parametrize("flip", [1, 7, 24])
def test_a_wrong_length_in_the_last_record_is_no_torn_tail(tmp_path: Path, flip: int) -> None:
    """Its payload is whole, and somebody was answered: it is damage, to be set aside."""
    data = bytearray(b"".join(frames(3)))
    last = len(b"".join(frames(2)))
    longer = int.from_bytes(data[last + 4 : last + 8], "little") | 1 << flip
    longer += 0 if longer > len(data) - last - framing.HEAD else 1 << flip
    data[last + 4 : last + 8] = longer.to_bytes(4, "little")
    piece = all_of(closed(tmp_path, bytes(data)), MEGABYTE)
    assert numbers(piece.records) == [0, 1]
    assert piece.damages == [Damage(last, len(data), torn=False)]


def test_a_wrong_length_in_the_record_before_takes_none_for_torn(tmp_path: Path) -> None:
    """Also where the last one is hurt in another way, so that no sound record follows."""
    data = bytearray(b"".join(frames(2)))
    data[6] ^= 1
    data[-1] ^= 1
    assert all_of(closed(tmp_path, bytes(data)), MEGABYTE).damages == [
        Damage(0, len(data), torn=False)
    ]
