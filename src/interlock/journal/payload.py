"""What was asked and what was answered, one row at a time: MessagePack ``[inputs, answer, flags]``.

Inputs are the numbers that the model was given: in the graph's dtypes, clipped where the signature
clips. The answer and the flags are those of the plain door, whichever door the request came by.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

import msgspec
import numpy as np

from interlock.journal import redaction
from interlock.journal.hashing import Hasher
from interlock.signature.answers import Row
from interlock.signature.ranges import Flags
from interlock.signature.records import Feed
from interlock.signature.schema import Boolean, Input, Integer, Signature, Tensor, dtype

Column: TypeAlias = Callable[[np.ndarray[Any, Any]], Sequence[Any]]
"""Takes what the graph was given for one input, [rows, …]; returns one plain value a row."""


class Array(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A tensor of one row: NumPy's name of the dtype with its byte order, shape, elements."""

    dtype: str
    shape: tuple[int, ...]
    data: bytes

    def values(self) -> np.ndarray[Any, Any]:
        return np.frombuffer(self.data, self.dtype).reshape(self.shape)


class Payload(msgspec.Struct, frozen=True, array_like=True):
    """A row read back: inputs by name, tensors as arrays; the answer; flags by input."""

    inputs: dict[str, Any]
    answer: dict[str, Any]
    flags: dict[str, str] = {}


class Writer:
    """Makes payloads of what one signature describes.

    Inputs that are sensitive are left out, or hashed by `hasher`; so is the one that names the
    subject. Without a hasher all of these are left out.

    Examples
    --------
    >>> from interlock.signature import Number, Value
    >>> writer = Writer(Signature(inputs=(Number(name="age", nullable=True),), output=Value()))
    >>> feed = {"age": np.array([61, np.nan], np.float32)}
    >>> [read(row) for row in writer.rows(feed, [{"value": 1.5}, {"value": 2.5}], None)]
    [Payload(inputs={'age': 61.0}, answer={'value': 1.5}, flags={}),
     Payload(inputs={'age': None}, answer={'value': 2.5}, flags={})]
    """

    def __init__(
        self, signature: Signature, hasher: Hasher | None = None, subject: str = ""
    ) -> None:
        self._columns = list(_columns(signature, hasher, subject))
        self._names = [name for name, _ in self._columns]
        self._encode = msgspec.msgpack.Encoder().encode

    def row(self, feed: Feed, answer: Row, flags: Flags | None) -> bytes:
        """The payload of a request of one row: the most frequent by far, for a third of `rows`."""
        inputs = {}
        for name, take in self._columns:
            inputs[name] = take(feed[name])[0]
        return self._encode((inputs, answer, flags[0] if flags else {}))

    def rows(self, feed: Feed, answers: list[Row], flags: Flags | None) -> list[bytes]:
        """One payload for each of `answers`."""
        columns = [take(feed[name]) for name, take in self._columns]
        values = zip(*columns, strict=True) if columns else [()] * len(answers)
        marks: Flags = flags or [{}] * len(answers)
        return [
            self._encode((dict(zip(self._names, row, strict=True)), answer, marked))
            for row, answer, marked in zip(values, answers, marks, strict=True)
        ]


_decode = msgspec.msgpack.Decoder(Payload).decode


def read(payload: bytes) -> Payload:
    """What a `Writer` wrote.

    Raises
    ------
    msgspec.DecodeError
        When it did not write this.
    """
    stored = _decode(payload)
    inputs = {
        name: msgspec.convert(value, Array).values() if isinstance(value, list) else value
        for name, value in stored.inputs.items()
    }
    return Payload(inputs, stored.answer, stored.flags)


def record(payload: bytes) -> dict[str, Any]:
    """The inputs as the plain door takes them."""
    return {
        name: value.tolist() if isinstance(value, np.ndarray) else value
        for name, value in read(payload).inputs.items()
    }


def _columns(
    signature: Signature, hasher: Hasher | None, subject: str
) -> Iterator[tuple[str, Column]]:
    for field in signature.inputs:
        manner = redaction.manner(field, subject)
        if not manner:
            yield field.name, _column(field)
        elif manner == "hash" and hasher is not None:
            yield field.name, redaction.hashed(field.name, _column(field), hasher)


def _column(field: Input) -> Column:
    if isinstance(field, Tensor):
        return _arrays(field)
    if not getattr(field, "nullable", False):
        return np.ndarray.tolist
    if dtype(field) == "str":
        return lambda values: [text or None for text in values]
    kind = {Integer: int, Boolean: bool}.get(type(field), float)
    return lambda values: [None if math.isnan(value) else kind(value) for value in values.tolist()]


def _arrays(field: Tensor) -> Column:
    kind, shape = np.dtype(field.dtype).str, field.shape
    size = np.dtype(field.dtype).itemsize * math.prod(shape)

    def take(values: np.ndarray[Any, Any]) -> list[Array]:
        data = values.tobytes()
        if len(data) == size:
            return [Array(kind, shape, data)]
        return [Array(kind, shape, part) for part in _parts(data, size)]

    return take


def _parts(data: bytes, size: int) -> Iterator[bytes]:
    return (data[start : start + size] for start in range(0, len(data), size))
