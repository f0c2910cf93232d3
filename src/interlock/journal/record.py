"""What a frame holds: answered requests, failed ones, labels. MessagePack, fields by position.

Fields are only ever added at the end, with a default: older frames stay readable. Moments are
microseconds since 1970, UTC. Keys and subjects are keyed hashes of 16 bytes, never the values.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import msgspec

from interlock.journal.frame import Kind, pack


class Row(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One answered row.

    `payload` is what `interlock.journal.payload` makes of inputs, answer and flags; encrypted when
    `seal` names the data key. `subject` is the keyed hash of whom it is about. A row of a shadow
    names in `primary` the row that the caller got.
    """

    id: str
    payload: bytes
    subject: bytes | None = None
    seal: bytes | None = None
    primary: str | None = None


class Answer(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An answered request: `latency` in seconds, `moment` that of its arrival.

    `generation` is how many erasures whoever wrote this knew of; None where nobody could tell.
    """

    moment: int
    deployment: str
    version: str
    arm: str
    door: str
    latency: float
    rows: list[Row]
    key: bytes | None = None
    caller: str | None = None
    generation: int | None = None


class Failure(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A request that was refused or failed; `body` only where the settings ask for it.

    `version` and `arm` are None when it failed before one was chosen.
    """

    id: str
    moment: int
    deployment: str
    door: str
    code: str
    status: int
    latency: float
    key: bytes | None = None
    caller: str | None = None
    body: bytes | None = None
    seal: bytes | None = None
    version: str | None = None
    arm: str | None = None
    subject: bytes | None = None
    generation: int | None = None


class Label(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The truth about one prediction, named by `prediction`, or by `key` and the moment `at`.

    `value` is MessagePack, encrypted when `seal` names the data key. `observed` is when the truth
    was seen, `received` when we were told.
    """

    id: str
    value: bytes
    received: int
    prediction: str | None = None
    deployment: str | None = None
    key: bytes | None = None
    at: int | None = None
    observed: int | None = None
    source: str = ""
    seal: bytes | None = None
    generation: int | None = None


Record: TypeAlias = "Answer | Failure | list[Label]"

_encode = msgspec.msgpack.Encoder().encode
_NUMBERS = {Answer: int(Kind.ANSWER), Failure: int(Kind.FAILURE), list: int(Kind.LABELS)}
_DECODERS: dict[int, Any] = {
    Kind.ANSWER: msgspec.msgpack.Decoder(Answer).decode,
    Kind.FAILURE: msgspec.msgpack.Decoder(Failure).decode,
    Kind.LABELS: msgspec.msgpack.Decoder(list[Label]).decode,
}


def frame(record: Record) -> bytes:
    """`record` as one frame, ready to be appended."""
    return pack(_NUMBERS[type(record)], _encode(record))


def read(kind: int, payload: bytes) -> Record:
    """The record in a frame of that kind.

    Raises
    ------
    KeyError
        For a kind that this release does not know.
    msgspec.DecodeError
        When the payload is not such a record.
    """
    found: Record = _DECODERS[kind](payload)
    return found


def is_begun(kind: int, payload: bytes) -> bool:
    r"""Whether `payload` may be the beginning of a record whose end is missing.

    >>> is_begun(Kind.LABELS, b""), is_begun(Kind.LABELS, b"\x90"), is_begun(99, b"")
    (True, False, False)
    """
    try:
        read(kind, payload)
    except KeyError:
        return False
    except msgspec.DecodeError as error:
        return "truncated" in str(error)
    return False
