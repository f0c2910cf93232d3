"""Frames in bytes that are whole, torn, damaged, or no frames at all."""

from __future__ import annotations

import random
from zlib import crc32

from hypothesis import given
from hypothesis import strategies as st

from interlock.journal import frame
from interlock.journal.frame import HEAD, LARGEST, Damage, Frame, Kind, pack, unpack


def found(data: bytes) -> list[bytes]:
    """Payloads of the frames in `data`."""
    return [item.payload for item in unpack(data) if isinstance(item, Frame)]


def covered(data: bytes) -> bool:
    """Whether frames and damages lie end to end from the first byte to the last."""
    items = list(unpack(data))
    ends = [0, *(item.end for item in items)]
    return [item.start for item in items] == ends[:-1] and ends[-1] == len(data)


@given(st.lists(st.binary(max_size=200), max_size=8), st.sampled_from(Kind))
def test_what_was_packed_is_found(payloads: list[bytes], kind: Kind) -> None:
    """Frames lie one after another, each with its kind, and with nothing between them."""
    data = b"".join(pack(kind, payload) for payload in payloads)
    items = list(unpack(data))
    assert [(item.kind, item.payload) for item in items if isinstance(item, Frame)] == [
        (kind, payload) for payload in payloads
    ]
    assert len(items) == len(payloads)


@given(st.lists(st.binary(max_size=60), min_size=1, max_size=5), st.data())
def test_a_cut_costs_the_frame_that_it_cuts(payloads: list[bytes], data: st.DataObject) -> None:
    """What is torn is told as torn, and nothing before it is lost."""
    packed = [pack(Kind.ANSWER, payload) for payload in payloads]
    whole = b"".join(packed)
    cut = whole[: data.draw(st.integers(0, len(whole) - 1))]
    before = sum(len(b"".join(packed[: n + 1])) <= len(cut) for n in range(len(packed)))
    assert found(cut) == payloads[:before]
    *_, last = [*unpack(cut), None, None][: before + 1]
    rest = len(cut) - len(b"".join(packed[:before]))
    assert last == (Damage(len(cut) - rest, len(cut), torn=True) if rest else None)


@given(st.lists(st.binary(max_size=60), min_size=1, max_size=5), st.data())
def test_a_flipped_bit_costs_one_frame(payloads: list[bytes], data: st.DataObject) -> None:
    """Whichever bit of whichever frame it is: all others are found, and the damage is told."""
    packed = [pack(Kind.ANSWER, payload) for payload in payloads]
    whole = bytearray(b"".join(packed))
    bit = data.draw(st.integers(0, len(whole) * 8 - 1))
    whole[bit // 8] ^= 1 << bit % 8
    ends = [len(b"".join(packed[: n + 1])) for n in range(len(packed))]
    touched = sum(end <= bit // 8 for end in ends)
    assert found(bytes(whole)) == payloads[:touched] + payloads[touched + 1 :]
    start = ([0, *ends])[touched]
    (damage,) = [item for item in unpack(bytes(whole)) if isinstance(item, Damage)]
    assert (damage.start, damage.end) == (start, ends[touched])


@given(st.binary(max_size=400))
def test_random_bytes_hold_no_frame(data: bytes) -> None:
    """Nothing is made up, nothing raised, and every byte accounted for."""
    assert found(data) == []
    assert covered(data)


def test_frames_survive_whatever_is_done_to_their_neighbours() -> None:
    """Overwritten, cut out, inserted, moved about: what is found is what was written, no more."""
    chance = random.Random(7)
    for _ in range(2000):
        payloads = [chance.randbytes(chance.randrange(80)) for _ in range(6)]
        data = bytearray(b"".join(pack(Kind.ANSWER, payload) for payload in payloads))
        for _ in range(chance.randrange(1, 6)):
            _mutate(data, chance)
        assert set(found(bytes(data))) <= set(payloads)
        assert covered(bytes(data))


def _mutate(data: bytearray, chance: random.Random) -> None:
    """One change, anywhere."""
    start = chance.randrange(len(data) + 1)
    length = chance.randrange(30)
    match chance.randrange(5):
        case 0:
            data[start : start + length] = chance.randbytes(length)
        case 1:
            del data[start : start + length]
        case 2:
            data[start:start] = chance.randbytes(length)
        case 3:
            data[start:start] = b"IJ" * length  # marks where there is no frame
        case _:
            data[start:start] = data[chance.randrange(len(data) + 1) :][: length * 4]


def test_a_length_that_cannot_be_is_damage() -> None:
    """A head that promises more than a frame may hold does not hide what follows it."""
    checked = frame._CHECKED.pack(1, 1, LARGEST + 1)
    head = frame._HEAD.pack(b"IJ", 1, 1, LARGEST + 1, crc32(checked))
    assert found(head + pack(Kind.ANSWER, b"next")) == [b"next"]


def test_a_frame_with_a_wrong_checksum_at_the_end_is_not_torn() -> None:
    """Its bytes are all there, so no crash has cut it: it is damage that somebody must hear of."""
    whole = bytearray(pack(Kind.ANSWER, b"payload"))
    whole[-1] ^= 1
    assert list(unpack(bytes(whole))) == [Damage(0, len(whole), torn=False)]


def test_the_format_is_what_it_was() -> None:
    """Bytes of the first format, as they lie on disks: head, version, kind, length, checksum."""
    assert pack(Kind.ANSWER, b"abc").hex() == "494a010103000000" + "3e8255c6" + "616263"
    assert HEAD == 12
