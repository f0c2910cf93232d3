"""Tensor metadata, and responses that a client can read back."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from interlock.signature import Classes, Number, Output, Signature, Tensor, Text, Value, Vector
from interlock.signature.inference import TensorDecoder
from interlock.signature.records import Decoder
from interlock.signature.tensors import (
    TensorMetadata,
    encode_tensor,
    input_metadata,
    output_metadata,
)
from tests.signature.strategies import records, signatures


def test_inputs() -> None:
    """-1 stands for the batch; columns have no other dimension."""
    signature = Signature(inputs=(Tensor(name="beat", shape=(140, 2)),), output=Value())
    assert input_metadata(signature) == [TensorMetadata("beat", "FP32", [-1, 140, 2])]
    columns = Signature(inputs=(Number(name="a", dtype="float64"), Text(name="t")), output=Value())
    assert input_metadata(columns) == [
        TensorMetadata("a", "FP64", [-1]),
        TensorMetadata("t", "BYTES", [-1]),
    ]


@pytest.mark.parametrize(
    ("output", "first"),
    [
        (Classes(labels=("a", "b")), TensorMetadata("label", "BYTES", [-1])),
        (Classes(labels=(1, 2)), TensorMetadata("label", "INT64", [-1])),
        (Value(), TensorMetadata("value", "FP32", [-1])),
        (Vector(steps=("1", "2")), TensorMetadata("values", "FP32", [-1, 2])),
    ],
)
def test_outputs(output: Output, first: TensorMetadata) -> None:
    """The graph's outputs come first, the prediction id last."""
    found = output_metadata(output)
    assert found[0] == first
    assert found[-1] == TensorMetadata("prediction_id", "BYTES", [-1])


def test_json_output() -> None:
    """Data is flat and row-major, beside its shape."""
    values = np.arange(4, dtype=np.float32).reshape(2, 2)
    said, raw = encode_tensor(TensorMetadata("values", "FP32", [-1, 2]), values, binary=False)
    assert said == {"name": "values", "shape": [2, 2], "datatype": "FP32", "data": [0, 1, 2, 3]}
    assert raw == b""


def test_binary_strings() -> None:
    """Each string is preceded by its length in bytes, not in characters."""
    values = np.array(["é", ""], object)
    said, raw = encode_tensor(TensorMetadata("label", "BYTES", [-1]), values, binary=True)
    assert raw == b"\x02\0\0\0\xc3\xa9\0\0\0\0"
    assert said["parameters"] == {"binary_data_size": len(raw)}
    assert "data" not in said


@pytest.mark.parametrize("order", ["C", "F"])
def test_binary_numbers(order: Any) -> None:
    """Bytes are row-major and little-endian in the datatype announced, whatever the array's."""
    values = np.array([[1, 2], [3, 4]], ">f8", order=order)
    _, raw = encode_tensor(TensorMetadata("values", "FP32", [-1, 2]), values, binary=True)
    assert np.frombuffer(raw, "<f4").tolist() == [1, 2, 3, 4]


@given(st.data(), st.booleans())
def test_what_is_encoded_can_be_decoded(data: st.DataObject, binary: bool) -> None:
    """A feed written as tensors, JSON or binary, reads back as the same feed."""
    signature = data.draw(signatures().filter(lambda one: one.out_of_range == "reject"))
    rows = data.draw(st.lists(records(signature), min_size=1, max_size=3))
    feed = Decoder(signature).decode(msgspec.json.encode(rows)).feed
    parts = [
        encode_tensor(tensor, feed[tensor.name], binary=binary)
        for tensor in input_metadata(signature)
    ]
    # msgspec writes NaN as null, as V2 has a missing number.
    head = msgspec.json.encode({"inputs": [said for said, _ in parts]})
    body = head + b"".join(raw for _, raw in parts)
    again = TensorDecoder(signature).decode(body, len(head) if binary else None).feed
    for name, values in feed.items():
        assert again[name].dtype == values.dtype
        np.testing.assert_array_equal(again[name], values)
