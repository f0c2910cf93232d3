"""The Arrow schema of a signature holds its records and answers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from interlock.signature import (
    Category,
    Classes,
    Input,
    Integer,
    Number,
    Output,
    Signature,
    Tensor,
    Text,
    Value,
    Vector,
    arrow,
)
from interlock.signature.answers import reader
from tests.signature.strategies import records, signatures


def of(*inputs: Input, output: Output | None = None) -> Signature:
    return Signature(inputs=inputs, output=output or Value())


@given(st.data())
def test_records_become_tables(data: st.DataObject) -> None:
    """Every record that the decoder takes is a row, and comes back as it was."""
    signature = data.draw(signatures())
    rows = data.draw(st.lists(records(signature), min_size=1, max_size=3))
    table = pa.Table.from_pylist(rows, schema=arrow.inputs(signature))
    table.validate(full=True)
    full = [{field.name: row.get(field.name) for field in signature.inputs} for row in rows]
    assert table.to_pylist() == full


@pytest.mark.parametrize(
    ("field", "kind"),
    [
        (Tensor(name="x", shape=(2, 3)), pa.list_(pa.list_(pa.float32(), 3), 2)),
        (Tensor(name="x", shape=(), dtype="bool"), pa.bool_()),
        (Number(name="x", dtype="float64"), pa.float64()),
        (Integer(name="x"), pa.int64()),
        (Category(name="x", values=("a",)), pa.dictionary(pa.int32(), pa.string())),
        (Text(name="x"), pa.string()),
    ],
)
def test_types(field: Input, kind: pa.DataType) -> None:
    """Each field type has one Arrow type; what must be there is not nullable."""
    found = arrow.inputs(of(field)).field("x")
    assert found.type == kind
    assert not found.nullable


def test_words_travel_as_metadata() -> None:
    """Unit and description stay with the column."""
    field = Number(name="age", unit="years", description="Age at visit", nullable=True)
    found = arrow.inputs(of(field)).field("age")
    assert found.nullable
    assert found.metadata == {b"unit": b"years", b"description": b"Age at visit"}
    assert arrow.inputs(of(Number(name="age"))).field("age").metadata is None


@pytest.mark.parametrize(
    ("output", "outputs"),
    [
        (Classes(labels=("a", "b")), [np.array(["a"], object), np.array([[1, 0]], np.float32)]),
        (Classes(labels=(1, 2)), [np.array([2]), np.array([[0.5, 0.5]], np.float32)]),
        (Value(), [np.array([3], np.float32)]),
        (Vector(steps=("1", "2")), [np.array([[1, 2]], np.float32)]),
    ],
)
def test_answers(output: Output, outputs: list[Any]) -> None:
    """What the reader makes of graph outputs is a row of the answers' schema."""
    (row,) = reader(output)(outputs)
    answer = {"prediction_id": "0", "model": "m", "version": "1.0.0", **row}
    schema = arrow.answers(of(Number(name="x"), output=output))
    table = pa.Table.from_pylist([answer], schema=schema)
    table.validate(full=True)
    assert table.to_pylist() == [answer]
    assert not any(field.nullable for field in schema)
