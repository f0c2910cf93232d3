"""One input of a V2 request: JSON flat or nested, binary, and the headers of both."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import numpy as np
import pytest

from interlock.errors import RequestError
from interlock.signature import Input, Number, Signature, Tensor, Text, Value
from interlock.signature.wire import InputReader, RequestInput, take

IMAGE = Tensor(name="image", shape=(2, 2), dtype="int32")


def reader(field: Input) -> InputReader:
    return InputReader(field, Signature(inputs=(field,), output=Value()))


def request(shape: list[int], data: Any, *, datatype: str = "INT32") -> RequestInput:
    raw = msgspec.Raw(json.dumps(data).encode())
    return RequestInput(name="image", shape=shape, datatype=datatype, data=raw)


@pytest.mark.parametrize(
    "data", [[1, 2, 3, 4, 5, 6, 7, 8], [[[1, 2], [3, 4]], [[5, 6], [7, 8]]]], ids=["flat", "nested"]
)
def test_flat_and_nested_data(data: Any) -> None:
    """Lists nested as the shape says hold the same as one flat list."""
    found = reader(IMAGE).from_json(request([2, 2, 2], data), "$")
    np.testing.assert_array_equal(found, np.arange(1, 9, dtype=np.int32).reshape(2, 2, 2))
    assert found.dtype == np.int32


def test_spaces_before_nested_data() -> None:
    """Pretty-printed requests are read like any other."""
    tensor = request([1, 2, 2], [])
    tensor.data = msgspec.Raw(b" [\n" + b" " * 100 + b"[ [1, 2], [3, 4] ] ]")
    assert reader(IMAGE).from_json(tensor, "$").tolist() == [[[1, 2], [3, 4]]]


@pytest.mark.parametrize(
    ("data", "path", "expected"),
    [
        ([[[1, 2], [3, 4], [5, 6]]], "$.data[0]", "2 values (int32[2,2])"),
        ([[[1, 2], [3]]], "$.data[0][1]", "2 values (int32[2,2])"),
        ([[1, 2, 3, 4]], "$.data[0]", "2 values (int32[2,2])"),
        ([[[1, 2], [3, [4]]]], "$.data[0][1][1]", "int32[2,2]"),
    ],
)
def test_ragged_data(data: Any, path: str, expected: str) -> None:
    """Lists of other lengths are not squeezed into shape, even where the total would fit."""
    with pytest.raises(RequestError) as caught:
        reader(IMAGE).from_json(request([1, 2, 2], data), "$")
    found = caught.value
    assert (found.code, found.path, found.expected) == ("wrong_shape", path, expected)


@pytest.mark.parametrize("shape", [[3], [3, 1]])
def test_column_with_and_without_a_second_dimension(shape: list[int]) -> None:
    """Clients write a column as [rows] or as [rows, 1]; the graph gets [rows]."""
    numbers = reader(Number(name="x"))
    tensor = request(shape, [1, 2, 3], datatype="FP32")
    numbers.check_header(tensor, "$")
    assert numbers.from_json(tensor, "$").shape == (3,)
    raw = memoryview(np.array([1, 2, 3], "<f4").tobytes())
    assert numbers.from_binary(tensor, raw, "$").shape == (3,)


@pytest.mark.parametrize("shape", [[], [3, 2], [-1], [3, 1, 1]])
def test_column_of_another_shape(shape: list[int]) -> None:
    """Anything else is no column."""
    with pytest.raises(RequestError, match="wrong shape"):
        reader(Number(name="x")).check_header(request(shape, [], datatype="FP32"), "$")


def test_binary_is_a_copy() -> None:
    """The feed outlives the body, and may be written to."""
    body = bytearray(np.array([1.5], "<f4").tobytes())
    found = reader(Number(name="x")).from_binary(
        request([1], [], datatype="FP32"), memoryview(body), "$"
    )
    body[:] = b"\0\0\0\0"
    assert found.tolist() == [1.5]
    assert found.flags.writeable


def test_binary_booleans() -> None:
    """One byte each; whatever is not zero is true."""
    flags = reader(Tensor(name="x", shape=(3,), dtype="bool"))
    tensor = request([1, 3], [], datatype="BOOL")
    found = flags.from_binary(tensor, memoryview(b"\0\1\2"), "$")
    assert (found.dtype, found.tolist()) == (np.bool_, [[False, True, True]])


def test_strings_of_any_content() -> None:
    """Empty strings, zero bytes and emoji come through."""
    raw = b"\0\0\0\0" + b"\1\0\0\0\0" + b"\4\0\0\0\xf0\x9f\x98\x80"
    tensor = request([3], [], datatype="BYTES")
    found = reader(Text(name="x")).from_binary(tensor, memoryview(raw), "$")
    assert found.tolist() == ["", "\0", "😀"]


def test_take() -> None:
    """Chunks follow each other; nothing is taken twice."""
    first, rest = take(memoryview(b"abcdef"), 2, "$")
    second, rest = take(rest, 4, "$")
    assert (bytes(first), bytes(second), len(rest)) == (b"ab", b"cdef", 0)
    with pytest.raises(RequestError, match="does not fit"):
        take(rest, 1, "$")
