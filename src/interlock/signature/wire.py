"""The data of one V2 input as it comes over the wire, JSON or binary, read into an array."""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Iterator
from itertools import chain
from typing import Annotated, Any

import msgspec
import numpy as np

from interlock.errors import (
    MalformedError,
    MissingFieldError,
    RequestError,
    ShapeError,
    TypeMismatchError,
)
from interlock.signature import diagnosis
from interlock.signature.elements import Elements
from interlock.signature.schema import Input, Signature, Tensor, dtype
from interlock.signature.tensors import DATATYPES
from interlock.signature.wording import got, short

_JSON_TYPES: dict[str, type] = {"f": float, "i": int, "b": bool, "O": str}
_NESTED = re.compile(rb"\s*\[\s*\[")


class RequestInput(msgspec.Struct, kw_only=True):
    """One input of a V2 request, its data not yet looked at."""

    name: str
    shape: list[Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]]
    datatype: str
    parameters: dict[str, Any] = {}
    data: msgspec.Raw = msgspec.Raw(b"")  # beside None, msgspec would take nothing but null


class InputReader:
    """Reads the data of one input; refuses with the RequestError that says what is wrong."""

    def __init__(self, field: Input, signature: Signature) -> None:
        self._name = field.name
        self._datatype = DATATYPES[dtype(field)]
        self._inner = field.shape if isinstance(field, Tensor) else ()
        self._kind = np.dtype(object if dtype(field) == "str" else dtype(field))
        self._elements = Elements(field, signature)
        kind: Any = _JSON_TYPES[self._kind.kind]
        if getattr(field, "nullable", False):
            kind = kind | None
        self._flat = msgspec.json.Decoder(list[kind]).decode
        for size in reversed(self._inner or (1,)):
            kind = Annotated[list[kind], msgspec.Meta(min_length=size, max_length=size)]
        self._nested = msgspec.json.Decoder(list[kind]).decode

    def check_header(self, tensor: RequestInput, path: str) -> None:
        """Refuse a datatype or shape that is not the field's."""
        if tensor.datatype != self._datatype:
            raise TypeMismatchError(
                f"input {self._name} has the wrong datatype",
                path=f"{path}.datatype",
                expected=self._datatype,
                got=short(tensor.datatype),
            )
        shape = tensor.shape
        # Clients in the wild send a column as [rows, 1] as often as [rows].
        fits = tuple(shape[1:]) in ((self._inner,) if self._inner else ((), (1,)))
        if not shape or shape[0] < 0 or not fits:
            raise ShapeError(
                f"input {self._name} has the wrong shape",
                path=f"{path}.shape",
                expected=f"[{', '.join(['rows', *(str(size) for size in self._inner)])}]",
                got=short(str(shape)),
            )

    def from_json(self, tensor: RequestInput, path: str) -> np.ndarray[Any, Any]:
        """The ``data`` list, flat or nested as deep as the shape, in row-major order."""
        if not bytes(tensor.data):
            raise MissingFieldError(
                f"input {self._name} has no data",
                path=f"{path}.data",
                expected="a list, or parameters.binary_data_size",
                got="nothing",
            )
        nested = len(tensor.shape) > 1 and _NESTED.match(tensor.data) is not None
        try:
            array = self._array(self._unnested(tensor.data) if nested else self._flat(tensor.data))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, OverflowError):
            raise self._refusal(tensor.data, f"{path}.data", nested=nested) from None
        if self._elements.refused(array).size:
            raise self._refusal(tensor.data, f"{path}.data", nested=nested)
        return self._shaped(tensor, array, path)

    def from_binary(
        self, tensor: RequestInput, chunk: memoryview, path: str
    ) -> np.ndarray[Any, Any]:
        """The little-endian, row-major bytes of one tensor."""
        if self._kind.hasobject:
            array = np.array(list(_strings(chunk, f"{path}.data")), object)
        else:
            array = self._numbers(chunk, path)
        for index in self._elements.refused(array)[:1]:
            value = array[index : index + 1].tolist()[0]
            raise _first(self._elements.problems(value, f"{path}.data[{index}]", ()))
        return self._shaped(tensor, array, path)

    def _unnested(self, raw: msgspec.Raw) -> list[Any]:
        values: list[Any] = self._nested(raw)
        for _ in self._inner or (1,):
            values = list(chain.from_iterable(values))
        return values

    def _array(self, values: list[Any]) -> np.ndarray[Any, Any]:
        if self._kind.hasobject:
            return np.array([value or "" for value in values], object)
        with np.errstate(over="ignore"):  # what float32 cannot hold is infinite, and refused later
            return np.array(values, self._kind)  # None becomes NaN

    def _numbers(self, chunk: memoryview, path: str) -> np.ndarray[Any, Any]:
        size = self._kind.itemsize
        if len(chunk) % size:
            raise MalformedError(
                f"input {self._name}: the binary size is no multiple of an element's",
                path=f"{path}.parameters.binary_data_size",
                expected=f"a multiple of {size}",
                got=str(len(chunk)),
            )
        if self._kind.kind == "b":
            return np.frombuffer(chunk, np.uint8).astype(bool)
        # A copy: the caller's buffer is read-only and may not be aligned.
        return np.frombuffer(chunk, self._kind.newbyteorder("<")).astype(self._kind)

    def _shaped(
        self, tensor: RequestInput, array: np.ndarray[Any, Any], path: str
    ) -> np.ndarray[Any, Any]:
        size = tensor.shape[0] * math.prod(self._inner)
        if len(array) != size:
            raise ShapeError(
                f"input {self._name}: shape and data disagree",
                path=f"{path}.data",
                expected=f"{size} values for shape {tensor.shape}",
                got=f"{len(array)} values",
            )
        return array.reshape(tensor.shape[0], *self._inner)

    def _refusal(self, raw: msgspec.Raw, path: str, *, nested: bool) -> RequestError:
        """What a slow reading of the same JSON finds wrong with it first."""
        values = diagnosis.read(bytes(raw))
        if not isinstance(values, list):
            return TypeMismatchError(
                f"the data of input {self._name} is a list",
                path=path,
                expected="a list",
                got=got(values),
            )
        shape = (self._inner or (1,)) if nested else ()
        return _first(self._elements.problems(values, path, (len(values), *shape)))


def take(tail: memoryview, size: Any, path: str) -> tuple[memoryview, memoryview]:
    """The next `size` bytes of the binary part, and what is left after them."""
    if not isinstance(size, int) or isinstance(size, bool) or not 0 <= size <= len(tail):
        raise MalformedError(
            "binary_data_size does not fit the body",
            path=f"{path}.parameters.binary_data_size",
            expected=f"a whole number, at most the {len(tail)} bytes that are left",
            got=got(size),
        )
    return tail[:size], tail[size:]


def _first(found: Iterator[RequestError]) -> RequestError:
    return next(found, MalformedError("the data does not fit the signature"))


def _strings(chunk: memoryview, path: str) -> Iterator[str]:
    position = index = 0
    while position < len(chunk):
        end = position + 4
        length = struct.unpack_from("<I", chunk, position)[0] if end <= len(chunk) else len(chunk)
        if end + length > len(chunk):
            raise MalformedError(
                "a BYTES element runs past the end of its tensor", path=f"{path}[{index}]"
            )
        try:
            yield str(chunk[end : end + length], "utf-8")
        except UnicodeDecodeError:
            raise MalformedError("a BYTES element is not UTF-8", path=f"{path}[{index}]") from None
        position = end + length
        index += 1
