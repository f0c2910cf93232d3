"""The JSON of the plain door, read straight into the arrays that the graph takes.

Everything that can be decided from the signature is decided when a `Decoder` is made: msgspec
checks types, lengths, categories and, where the policy is to reject, ranges, in one pass over the
bytes. Only when that pass refuses is the body read again, slowly, to say exactly what was wrong.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from typing import Annotated, Any, Literal, NamedTuple, TypeAlias

import msgspec
import numpy as np
from msgspec.structs import astuple

from interlock.errors import MalformedError
from interlock.signature.diagnosis import diagnose
from interlock.signature.ranges import Flags, Numeric, Ranges, limits, takes_whole
from interlock.signature.schema import (
    Boolean,
    Category,
    Input,
    Integer,
    Number,
    Signature,
    Tensor,
    Text,
    dtype,
)

Feed = dict[str, np.ndarray[Any, Any]]
Builder: TypeAlias = Callable[[Sequence[Any]], np.ndarray[Any, Any]]


class Batch(NamedTuple):
    """Decoded rows, ready for the graph.

    `flags` is None when nothing is flagged, else one dict a row (input name → what happened).
    `single` says that the caller sent one record rather than a list.
    """

    feed: Feed
    rows: int
    flags: Flags | None
    single: bool


class Decoder:
    """Reads the body of a plain request: one record, or a list of them.

    Examples
    --------
    >>> from interlock.signature import Category, Number, Signature, Value
    >>> decoder = Decoder(Signature(
    ...     inputs=(Number(name="age", minimum=0), Category(name="sex", values=("f", "m"))),
    ...     output=Value(),
    ... ))
    >>> decoder.decode(b'{"age": 61, "sex": "f"}').feed
    {'age': array([61.], dtype=float32), 'sex': array(['f'], dtype=object)}
    """

    def __init__(self, signature: Signature) -> None:
        self._signature = signature
        self._ranges = Ranges(signature)
        record = record_type(signature)
        self._decode = msgspec.json.Decoder(record | list[record]).decode  # type: ignore[valid-type]
        self._builders = [(field.name, _builder(field)) for field in signature.inputs]

    def decode(self, body: bytes) -> Batch:
        """Rows of `body`, or the `RequestError` that says what is wrong with it and where."""
        try:
            found = self._decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise self._refusal(body, error) from None
        single = not isinstance(found, list)
        records = [found] if single else found
        if not records:
            raise self._refusal(body, ValueError("no record"))
        columns = zip(*map(astuple, records), strict=True)
        feed = {
            name: build(values)
            for (name, build), values in zip(self._builders, columns, strict=True)
        }
        flags = self._ranges.apply(feed) if self._ranges else None
        return Batch(feed, len(records), flags, single)

    def _refusal(self, body: bytes, error: Exception) -> Exception:
        found = diagnose(self._signature, body)
        return found or MalformedError(f"the body does not fit the signature: {error}", path="$")


def record_type(signature: Signature) -> type[msgspec.Struct]:
    """The msgspec type of one record; attributes are ``f0``, ``f1``, … in input order."""
    reject = signature.out_of_range == "reject"
    fields: list[Any] = []
    for index, field in enumerate(signature.inputs):
        kind = _json_type(field, reject=reject)
        if getattr(field, "nullable", False):
            fields.append((f"f{index}", kind | None, None))
        else:
            fields.append((f"f{index}", kind))
    names = {f"f{index}": field.name for index, field in enumerate(signature.inputs)}
    return msgspec.defstruct(
        "Record", fields, rename=names, forbid_unknown_fields=True, kw_only=True, gc=False
    )


def _json_type(field: Input, *, reject: bool) -> Any:
    match field:
        case Tensor():
            return _tensor_type(field, reject=reject)
        case Number() | Integer():
            return _number_type(field, reject=reject)
        case Boolean():
            return bool
        case Category():
            return Literal[field.values]
        case Text(max_length=None):
            return str
        case Text():
            return Annotated[str, msgspec.Meta(max_length=field.max_length)]


def _number_type(field: Numeric, *, reject: bool) -> Any:
    low, high = limits(field, declared=reject)
    if takes_whole(field):
        return Annotated[int, msgspec.Meta(ge=low, le=high)]
    return Annotated[float, msgspec.Meta(ge=low, le=high)]


def _tensor_type(field: Tensor, *, reject: bool) -> Any:
    kind: Any = bool if field.dtype == "bool" else _number_type(field, reject=reject)
    for size in reversed(field.shape):
        kind = Annotated[list[kind], msgspec.Meta(min_length=size, max_length=size)]
    return kind


def _builder(field: Input) -> Builder:
    """How the decoded values of one input become an array of the graph's dtype and shape."""
    kind = dtype(field)
    if isinstance(field, Tensor):
        return _packer(field)
    if kind == "str":
        return _strings
    return lambda values: np.array(values, kind)  # None becomes NaN


def _packer(field: Tensor) -> Builder:
    """For a few hundred numbers, twice as fast as handing NumPy their list to look at."""
    kind = np.dtype(field.dtype)
    pack = struct.Struct(f"{math.prod(field.shape)}{kind.char}").pack
    flat = _flattener(len(field.shape))

    def build(values: Sequence[Any]) -> np.ndarray[Any, Any]:
        if len(values) == 1:
            raw = pack(*flat(values[0]))
        else:
            raw = b"".join([pack(*flat(value)) for value in values])
        return np.ndarray((len(values), *field.shape), kind, raw)

    return build


def _flattener(depth: int) -> Callable[[Any], Iterable[Any]]:
    """Elements, in order, of lists nested to `depth`."""
    if depth == 0:
        return lambda value: (value,)
    if depth == 1:
        return lambda value: value
    inner = _flattener(depth - 1)
    return lambda value: chain.from_iterable(map(inner, value))


def _strings(values: Sequence[str | None]) -> np.ndarray[Any, Any]:
    return np.array([value or "" for value in values], object)
