"""Open Inference Protocol V2 requests, JSON and binary, read by a signature.

The binary extension is Triton's "Binary Tensor Data": after ``Inference-Header-Content-Length``
bytes of JSON come the tensors whose parameters carry ``binary_data_size``, little-endian and
row-major; BYTES elements are each preceded by their length as uint32.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import msgspec
import numpy as np

from interlock.errors import (
    EmptyBatchError,
    MalformedError,
    MissingFieldError,
    NotFiniteError,
    RequestError,
    ShapeError,
    UnknownFieldError,
)
from interlock.signature import diagnosis
from interlock.signature.ranges import Flags, Ranges
from interlock.signature.records import Feed
from interlock.signature.schema import Signature, dtype
from interlock.signature.tensors import output_metadata
from interlock.signature.wire import InputReader, RequestInput, take
from interlock.signature.wording import got, listed, short, step


class RequestOutput(msgspec.Struct, kw_only=True):
    """One output that the caller asks for."""

    name: str
    parameters: dict[str, Any] = {}


class InferRequest(msgspec.Struct, kw_only=True):
    """The JSON part of a V2 request."""

    inputs: list[RequestInput]
    id: str | None = None
    parameters: dict[str, Any] = {}
    outputs: list[RequestOutput] = []


class Call(NamedTuple):
    """A decoded V2 request: rows and flags as in a `Batch`, and what the answer looks like."""

    feed: Feed
    rows: int
    flags: Flags | None
    id: str | None
    wanted: list[tuple[str, bool]]
    """Names of the outputs, in order, and whether each goes as binary."""


class TensorDecoder:
    """Reads V2 infer requests for one signature."""

    def __init__(self, signature: Signature) -> None:
        self._readers = {field.name: InputReader(field, signature) for field in signature.inputs}
        self._absent = {
            field.name: ("", object) if dtype(field) == "str" else (np.nan, dtype(field))
            for field in signature.inputs
            if getattr(field, "nullable", False)
        }
        self._outputs = [tensor.name for tensor in output_metadata(signature.output)]
        self._ranges = Ranges(signature)
        self._decode = msgspec.json.Decoder(InferRequest).decode

    def decode(self, body: bytes, header_length: int | None) -> Call:
        """The call in `body`.

        `header_length` is the value of ``Inference-Header-Content-Length``, None when the body is
        all JSON. Raises the `RequestError` that says what is wrong and where.
        """
        head = _head(body, header_length)
        try:
            request = self._decode(head)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise _refusal(head, error) from None
        feed = self._feed(request.inputs, memoryview(body)[len(head) :])
        rows = self._rows(request.inputs, feed)
        for name, (value, kind) in self._absent.items():
            if name not in feed:
                feed[name] = np.full(rows, value, kind)
        flags = self._ranges.apply(feed) if self._ranges else None
        return Call(feed, rows, flags, request.id, self._wanted(request))

    def _feed(self, inputs: list[RequestInput], tail: memoryview) -> Feed:
        feed: Feed = {}
        for index, tensor in enumerate(inputs):
            path = f"$.inputs[{index}]"
            reader = self._readers.get(tensor.name)
            if reader is None or tensor.name in feed:
                raise _unknown("input", tensor.name, list(self._readers), f"{path}.name")
            reader.check_header(tensor, path)
            size = tensor.parameters.get("binary_data_size")
            if size is None:
                feed[tensor.name] = reader.from_json(tensor, path)
                continue
            if bytes(tensor.data):
                raise MalformedError(
                    "the data comes twice: in JSON, and announced as binary", path=f"{path}.data"
                )
            chunk, tail = take(tail, size, path)
            feed[tensor.name] = reader.from_binary(tensor, chunk, path)
        if len(tail):
            raise MalformedError(
                "bytes are left after the last binary tensor",
                expected="none",
                got=f"{len(tail)} bytes",
            )
        return feed

    def _rows(self, inputs: list[RequestInput], feed: Feed) -> int:
        for name in self._readers:
            if not inputs or (name not in feed and name not in self._absent):
                raise MissingFieldError(
                    f"input {name} is missing",
                    path="$.inputs",
                    expected=listed(list(self._readers)),
                    got=listed(list(feed)) or "nothing",
                )
        rows = inputs[0].shape[0]
        for index, tensor in enumerate(inputs):
            if tensor.shape[0] != rows:
                raise ShapeError(
                    "inputs disagree on the number of rows",
                    path=f"$.inputs[{index}].shape",
                    expected=f"{rows} rows, as {inputs[0].name} has",
                    got=f"{tensor.shape[0]} rows",
                )
        if rows == 0:
            raise EmptyBatchError(
                "the batch is empty", path="$.inputs[0].shape", expected="at least one row", got="0"
            )
        return rows

    def _wanted(self, request: InferRequest) -> list[tuple[str, bool]]:
        default = request.parameters.get("binary_data_output") is True
        if not request.outputs:
            return [(name, default) for name in self._outputs]
        for index, output in enumerate(request.outputs):
            if output.name not in self._outputs:
                raise _unknown("output", output.name, self._outputs, f"$.outputs[{index}].name")
        return [
            (output.name, output.parameters.get("binary_data", default) is True)
            for output in request.outputs
        ]


def _head(body: bytes, length: int | None) -> bytes:
    if length is None:
        return body
    if length > len(body):
        raise MalformedError(
            "Inference-Header-Content-Length is longer than the body",
            expected=f"at most {len(body)}",
            got=str(length),
        )
    return body[:length]


def _unknown(what: str, name: str, known: list[str], path: str) -> RequestError:
    return UnknownFieldError(
        f"no {what} is called {short(repr(name))}, or it comes twice",
        path=path,
        expected=f"one of {listed(known)}",
        got=short(repr(name)),
    )


def _refusal(head: bytes, error: Exception) -> RequestError:
    """Why `head` is no request: no JSON, a value that JSON cannot carry, or laid out otherwise."""
    found = _unsendable(diagnosis.read(head))
    if found:
        return found
    reason, _, where = str(error).partition(" - at `$")
    return MalformedError(
        f"not a V2 inference request: {short(reason)}",
        path="$" + where.rstrip("`"),
        expected="{id?, parameters?, inputs: [{name, shape, datatype, data}], outputs?}",
    )


def _unsendable(value: Any) -> RequestError | None:
    """The first NaN, infinity or half of a surrogate pair in a JSON document of any depth."""
    waiting: list[tuple[str, Any]] = [("$", value)]
    while waiting:
        path, value = waiting.pop()
        if isinstance(value, float) and not math.isfinite(value):
            expected = "a finite number, or null for a missing one where the input allows it"
            return NotFiniteError("JSON has no NaN", path=path, expected=expected, got=got(value))
        if isinstance(value, str) and diagnosis.half_a_pair(value):
            return MalformedError("half of a surrogate pair is no character", path=path)
        if isinstance(value, list):
            waiting += [(f"{path}[{index}]", part) for index, part in enumerate(value)][::-1]
        elif isinstance(value, dict):
            waiting += [(step(path, name), part) for name, part in value.items()][::-1]
    return None
