"""The plain door's decoder: what it takes, and that it refuses all else in words of ours."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from interlock.errors import RequestError
from interlock.signature import (
    Boolean,
    Category,
    Classes,
    Input,
    Integer,
    Number,
    Signature,
    Tensor,
    Text,
    Value,
    dtype,
)
from interlock.signature.records import Batch, Decoder
from tests.signature.strategies import bodies, broken_records, broken_values, records, signatures


def decode(body: str | bytes, *inputs: Input, **options: Any) -> Batch:
    signature = Signature(inputs=inputs, output=Value(), **options)
    return Decoder(signature).decode(body.encode() if isinstance(body, str) else body)


def check(signature: Signature, batch: Batch) -> None:
    """Names, dtypes and shapes are those that the graph takes."""
    assert list(batch.feed) == [field.name for field in signature.inputs]
    for field in signature.inputs:
        array = batch.feed[field.name]
        inner = field.shape if isinstance(field, Tensor) else ()
        assert array.shape == (batch.rows, *inner)
        assert array.dtype == (object if dtype(field) == "str" else dtype(field))
        assert array.flags.c_contiguous
        if array.dtype == object:
            assert all(isinstance(value, str) and value.encode() is not None for value in array)
        elif array.dtype.kind == "f":
            allowed = ~np.isinf(array) if getattr(field, "nullable", False) else np.isfinite(array)
            assert allowed.all()


def test_beat() -> None:
    """A tensor record becomes one row of float32."""
    signature = Signature(
        inputs=(Tensor(name="beat", shape=(3,)),), output=Classes(labels=("a", "b"))
    )
    batch = Decoder(signature).decode(b'{"beat": [0.1, -2, 3e2]}')
    np.testing.assert_array_equal(batch.feed["beat"], np.array([[0.1, -2, 300]], np.float32))
    assert (batch.rows, batch.flags, batch.single) == (1, None, True)


def test_one_record_in_a_list_is_no_single() -> None:
    """A list is answered by a list, however short."""
    assert not decode('[{"age": 1}]', Number(name="age")).single


@pytest.mark.parametrize("kind", ["float32", "float64", "int32", "int64", "bool"])
def test_tensor_of_two_dimensions_keeps_its_order(kind: Any) -> None:
    """Elements arrive row-major, in every dtype, for one record and for several."""
    field = Tensor(name="image", shape=(2, 3), dtype=kind)
    rows = (np.arange(24).reshape(4, 2, 3) % 2 if kind == "bool" else np.arange(24)).astype(kind)
    rows = rows.reshape(4, 2, 3)
    batch = decode(json.dumps([{"image": row} for row in rows.tolist()]), field)
    np.testing.assert_array_equal(batch.feed["image"], rows)
    assert batch.feed["image"].dtype == kind
    alone = decode(json.dumps({"image": rows[1].tolist()}), field)
    np.testing.assert_array_equal(alone.feed["image"], rows[1:2])


def test_scalar_tensor_is_a_plain_number() -> None:
    """A tensor without dimensions needs no list."""
    batch = decode('[{"x": 1.5}, {"x": 2.5}]', Tensor(name="x", shape=()))
    np.testing.assert_array_equal(batch.feed["x"], np.array([1.5, 2.5], np.float32))


def test_missing_values_are_what_the_schema_says() -> None:
    """NaN for numbers, integers and booleans, the empty string for categories and texts."""
    fields = (
        Number(name="n", nullable=True),
        Integer(name="i", nullable=True),
        Boolean(name="b", nullable=True),
        Category(name="c", values=("x",), nullable=True),
        Text(name="t", nullable=True),
    )
    present = '{"n": 1.5, "i": 2, "b": true, "c": "x", "t": "y"}'
    null = '{"n": null, "i": null, "b": null, "c": null, "t": null}'
    feed = decode(f"[{present}, {null}, {{}}]", *fields).feed
    for name, value in {"n": 1.5, "i": 2, "b": 1}.items():
        np.testing.assert_array_equal(feed[name], np.array([value, np.nan, np.nan], np.float32))
        assert feed[name].dtype == np.float32
    assert feed["c"].tolist() == ["x", "", ""]
    assert feed["t"].tolist() == ["y", "", ""]


@pytest.mark.parametrize("value", [2**63 - 1, -(2**63), 2**53 + 1, 0])
def test_integers_keep_every_digit(value: int) -> None:
    """Whole numbers never pass through a float."""
    assert decode(f'{{"i": {value}}}', Integer(name="i")).feed["i"].tolist() == [value]


def test_integer_bound_at_the_edge_of_64_bits() -> None:
    """A bound that a float cannot hold is compared exactly."""
    field = Integer(name="i", maximum=2**63 - 2, minimum=-(2**63) + 1)
    assert decode(f'{{"i": {2**63 - 2}}}', field).rows == 1
    for value in (2**63 - 1, -(2**63)):
        with pytest.raises(RequestError):
            decode(f'{{"i": {value}}}', field)


def test_fractional_bounds_of_a_whole_tensor_are_rounded_inwards() -> None:
    """Above 0.5 means from 1 on where numbers are whole."""
    field = Tensor(name="x", shape=(1,), dtype="int32", minimum=0.5, maximum=2.5)
    assert decode('{"x": [1]}', field).rows == decode('{"x": [2]}', field).rows == 1
    for value in (0, 3):
        with pytest.raises(RequestError) as caught:
            decode(f'{{"x": [{value}]}}', field)
        assert caught.value.expected == "0.5 to 2.5"


def test_float32_nearest_to_a_bound_is_inside() -> None:
    """A client that works in float32 may send the bound as it has it."""
    field = Number(name="x", maximum=0.1)
    assert float(np.float32(0.1)) > 0.1
    assert decode(f'{{"x": {float(np.float32(0.1))!r}}}', field).feed["x"] == np.float32(0.1)
    with pytest.raises(RequestError):
        decode(f'{{"x": {float(np.nextafter(np.float32(0.1), np.float32(1)))!r}}}', field)


def test_numbers_round_to_the_largest_float32_or_are_refused() -> None:
    """Nothing becomes an infinity on its way into the graph."""
    largest = float(np.finfo(np.float32).max)
    just_above = math.nextafter((largest + 2.0**128) / 2, 0)
    feed = decode(f'[{{"x": {largest!r}}}, {{"x": {just_above!r}}}]', Number(name="x")).feed
    assert feed["x"].tolist() == [largest, largest]
    with pytest.raises(RequestError):
        decode(f'{{"x": {(largest + 2.0**128) / 2!r}}}', Number(name="x"))


def test_repeated_name_with_good_values() -> None:
    """JSON leaves repeated names open; the last one counts."""
    assert decode('{"x": 1, "x": 2}', Number(name="x")).feed["x"].tolist() == [2.0]


def test_text_length_is_in_characters() -> None:
    """An emoji is one character, whatever its bytes."""
    assert decode('{"t": "😀😀"}', Text(name="t", max_length=2)).rows == 1
    assert decode('{"t": "\\ud83d\\ude00é"}', Text(name="t", max_length=2)).rows == 1


def test_clipped_and_flagged_rows() -> None:
    """Policies other than reject answer, and say what they did to which row."""
    body = '[{"x": 5}, {"x": 50}]'
    clipped = decode(body, Number(name="x", maximum=10), out_of_range="clip")
    assert (clipped.feed["x"].tolist(), clipped.flags) == ([5, 10], [{}, {"x": "clipped"}])
    flagged = decode(body, Number(name="x", maximum=10), out_of_range="flag")
    assert (flagged.feed["x"].tolist(), flagged.flags) == ([5, 50], [{}, {"x": "out_of_range"}])


@given(st.data())
def test_good_records_are_taken(data: st.DataObject) -> None:
    """Whatever fits the signature becomes arrays that hold the same values."""
    signature = data.draw(signatures())
    rows = data.draw(st.lists(records(signature), min_size=1, max_size=3))
    batch = Decoder(signature).decode(json.dumps(rows).encode())
    check(signature, batch)
    assert batch.rows == len(rows)
    for field in signature.inputs:
        kind = object if dtype(field) == "str" else dtype(field)
        sent = [row.get(field.name) for row in rows]
        wanted = np.array(
            ["" if value is None and kind is object else value for value in sent], kind
        )
        if not batch.flags:
            np.testing.assert_array_equal(batch.feed[field.name], wanted)


@given(st.data())
def test_any_bytes_are_taken_or_refused(data: st.DataObject) -> None:
    """No body at all brings out an error that is not ours."""
    signature = data.draw(signatures())
    body = data.draw(bodies(signature))
    error = refused(lambda: check(signature, Decoder(signature).decode(body)))
    if error:
        assert error.status == 400
        json.dumps(error.document(), ensure_ascii=False).encode()
        assert "does not fit the signature" not in error.message


def refused(decode: Callable[[], None]) -> RequestError | None:
    try:
        decode()
    except RequestError as error:
        return error
    return None


@given(st.data())
def test_bad_values_are_named(data: st.DataObject) -> None:
    """Every kind of bad value has its own error, with the path of the value."""
    signature = data.draw(signatures())
    broken = data.draw(st.one_of(broken_values(signature), broken_records(signature)))
    with pytest.raises(RequestError) as caught:
        Decoder(signature).decode(broken.body)
    assert (type(caught.value), caught.value.path) == (broken.error, broken.path)
    assert caught.value.got is not None
    json.dumps(caught.value.document(), ensure_ascii=False).encode()
