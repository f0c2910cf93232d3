"""The JSON Schema of a signature takes what the decoder takes, and refuses what it refuses."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, FormatChecker

from interlock.errors import RequestError
from interlock.signature import (
    Category,
    Classes,
    Integer,
    Number,
    Output,
    Signature,
    Tensor,
    Text,
    Value,
    Vector,
    openapi,
)
from interlock.signature.answers import reader
from interlock.signature.records import Decoder
from tests.signature.strategies import broken_records, broken_values, records, signatures


def is_float(value: Any) -> bool:
    with np.errstate(over="ignore"):
        return not isinstance(value, int | float) or bool(np.isfinite(np.float32(value)))


def is_double(value: Any) -> bool:
    return not isinstance(value, float) or math.isfinite(value)


def is_int64(value: Any) -> bool:
    return not isinstance(value, int) or -(2**63) <= value < 2**63


def is_int32(value: Any) -> bool:
    return not isinstance(value, int) or -(2**31) <= value < 2**31


formats = FormatChecker(formats=())
for name, check in {
    "float": is_float,
    "double": is_double,
    "int64": is_int64,
    "int32": is_int32,
}.items():
    formats.checks(name)(check)


def valid(schema: dict[str, Any], value: Any) -> bool:
    Draft202012Validator.check_schema(schema)
    return bool(Draft202012Validator(schema, format_checker=formats).is_valid(value))


@given(st.data())
def test_takes_good_records(data: st.DataObject) -> None:
    """Every record that the decoder takes fits the schema."""
    signature = data.draw(signatures())
    assert valid(openapi.record(signature), data.draw(records(signature)))


@given(st.data())
def test_refuses_bad_records(data: st.DataObject) -> None:
    """A record that the decoder refuses does not fit the schema."""
    signature = data.draw(signatures())
    broken = data.draw(st.one_of(broken_values(signature), broken_records(signature)))
    # JSON Schema calls 3.0 an integer, cannot speak of half surrogates, and json.loads not of
    # numbers with thousands of digits.
    assume(broken.fragment not in ("3.0", "-0.0", "1e3", '"\\ud800"', '"a\\udc00"'))
    assume(len(broken.fragment) < 300)
    value = json.loads(broken.body)
    schema = openapi.record(signature)
    assert not valid(
        {"type": "array", "items": schema} if isinstance(value, list) else schema, value
    )


@given(st.data())
def test_agrees_with_the_decoder_near_a_record(data: st.DataObject) -> None:
    """Schema and decoder decide alike on any value in the place of a field."""
    signature = data.draw(signatures())
    leaf = st.none() | st.booleans() | st.integers() | st.floats(width=32) | st.text(max_size=3)
    leaf = leaf.filter(lambda value: not (isinstance(value, float) and value.is_integer()))
    record = data.draw(records(signature))
    name = data.draw(st.sampled_from([field.name for field in signature.inputs] + ["other"]))
    record[name] = data.draw(leaf | st.lists(leaf | st.lists(leaf, max_size=3), max_size=3))
    body = json.dumps(record)
    assume("NaN" not in body and "Infinity" not in body)
    try:
        Decoder(signature).decode(body.encode())
        taken = True
    except RequestError:
        taken = False
    assert valid(openapi.record(signature), record) == taken


def test_words_of_a_field() -> None:
    """Descriptions and units reach the documentation; ranges only where they are enforced."""
    field = Number(name="age", description="Age at visit.", unit="years", minimum=0, nullable=True)
    schema = openapi.record(Signature(inputs=(field,), output=Value()))
    assert schema["properties"]["age"] == {
        "type": ["number", "null"],
        "format": "float",
        "minimum": 0,
        "description": "Age at visit. Unit: years.",
    }
    assert schema["required"] == []
    lenient = openapi.record(Signature(inputs=(field,), output=Value(), out_of_range="clip"))
    assert "minimum" not in lenient["properties"]["age"]


def test_every_kind_of_field() -> None:
    """Tensors nest arrays of fixed length; categories enumerate, with null where it is allowed."""
    beat = Tensor(name="beat", shape=(2, 3), dtype="int32")
    schema = openapi.record(Signature(inputs=(beat,), output=Value()))
    rows = schema["properties"]["beat"]
    assert (rows["minItems"], rows["items"]["maxItems"]) == (2, 3)
    assert rows["items"]["items"] == {"type": "integer", "format": "int32"}
    columns = Signature(
        inputs=(
            Category(name="c", values=("a",), nullable=True),
            Text(name="t", max_length=3),
            Integer(name="i", minimum=1),
        ),
        output=Value(),
    )
    assert openapi.record(columns)["properties"] == {
        "c": {"enum": ["a", None]},
        "t": {"type": "string", "maxLength": 3},
        "i": {"type": "integer", "format": "int64", "minimum": 1},
    }


@pytest.mark.parametrize(
    ("output", "outputs"),
    [
        (Classes(labels=("a", "b")), [np.array(["a"], object), np.array([[1, 0]], np.float32)]),
        (Classes(labels=(1, 2)), [np.array([2]), np.array([[0.5, 0.5]], np.float32)]),
        (Value(unit="days"), [np.array([3], np.float32)]),
        (Vector(steps=("1", "2")), [np.array([[1, 2]], np.float32)]),
    ],
)
def test_answers_fit_their_schema(output: Output, outputs: list[Any]) -> None:
    """What the reader makes of graph outputs is what the documentation promises."""
    signature = Signature(inputs=(Number(name="x", maximum=1),), output=output, out_of_range="flag")
    (row,) = reader(output)(outputs)
    answer = {"prediction_id": "0", "model": "m", "version": "1.0.0", **row}
    schema = openapi.answer(signature)
    assert valid(schema, answer)
    assert valid(schema, {**answer, "flags": {"x": "out_of_range"}})
    assert not valid(schema, {**answer, "flags": {"x": "ignored"}})
    for name in answer:
        assert not valid(schema, {key: value for key, value in answer.items() if key != name})
