"""Ranges: which numbers they hold, and what clipping and flagging do to arrays."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from interlock.signature import Input, Integer, Number, Signature, Tensor, Text, Value
from interlock.signature.diagnosis import diagnose
from interlock.signature.ranges import Ranges, limits
from interlock.signature.records import Decoder
from tests.signature.strategies import records, signatures


def ranges(*inputs: Input, policy: Any = "clip") -> Ranges:
    return Ranges(Signature(inputs=inputs, output=Value(), out_of_range=policy))


def test_nothing_to_do() -> None:
    """Ranges are falsy under the policy to reject, and where none is declared."""
    assert not ranges(Number(name="x", minimum=0), policy="reject")
    assert not ranges(Number(name="x"), Text(name="t"))
    assert ranges(Number(name="x", minimum=0), policy="flag")


def test_clip() -> None:
    """Values beyond a bound become the bound; rows that needed it say so; dtypes stay."""
    feed = {"x": np.array([1, 20, -20], np.float32), "y": np.array([5, 5, 5])}
    flags = ranges(Number(name="x", minimum=-10, maximum=10), Integer(name="y", maximum=5)).apply(
        feed
    )
    assert flags == [{}, {"x": "clipped"}, {"x": "clipped"}]
    assert feed["x"].tolist() == [1, 10, -10]
    assert feed["x"].dtype == np.float32


def test_flag() -> None:
    """Flagging changes nothing but says which rows are outside."""
    feed = {"x": np.array([1, 20], np.float32)}
    flags = ranges(Number(name="x", maximum=10), policy="flag").apply(feed)
    assert flags == [{}, {"x": "out_of_range"}]
    assert feed["x"].tolist() == [1, 20]


def test_all_inside() -> None:
    """No flags at all where nothing is outside."""
    assert ranges(Number(name="x", maximum=10)).apply({"x": np.array([10.0])}) is None


def test_missing_value_is_not_out_of_range() -> None:
    """NaN stands for a missing value: it is kept, and hides no neighbour that is outside."""
    field = Number(name="x", minimum=0, maximum=10, nullable=True)
    feed = {"x": np.array([np.nan, 5], np.float32)}
    assert ranges(field).apply(feed) is None
    feed = {"x": np.array([np.nan, 50], np.float32)}
    assert ranges(field).apply(feed) == [{}, {"x": "clipped"}]
    np.testing.assert_array_equal(feed["x"], [np.nan, 10])


def test_tensor_row_is_flagged_once() -> None:
    """One element outside flags its whole row, in any number of dimensions."""
    field = Tensor(name="x", shape=(2, 2), maximum=1)
    values = np.zeros((2, 2, 2), np.float32)
    values[1, 0, 1] = 3
    feed = {"x": values}
    assert ranges(field).apply(feed) == [{}, {"x": "clipped"}]
    assert feed["x"].max() == 1


def test_read_only_input_can_be_clipped() -> None:
    """Arrays that share memory with a request are replaced, not written to."""
    values = np.frombuffer(np.array([5.0], np.float32).tobytes(), np.float32)
    feed = {"x": values}
    ranges(Number(name="x", maximum=1)).apply(feed)
    assert (feed["x"].tolist(), values.tolist()) == ([1], [5])


@pytest.mark.parametrize("edge", [2**63 - 1, 2**63 - 2, 2**53 + 1])
def test_integer_bounds_are_exact(edge: int) -> None:
    """A bound near the end of 64 bits is not rounded to a float."""
    field = Integer(name="x", minimum=-edge, maximum=edge)
    assert limits(field, declared=True) == (-edge, edge)
    feed = {"x": np.array([edge, -edge])}
    assert ranges(field).apply(feed) is None
    feed = {"x": np.array([-(2**63), 0])}
    assert ranges(field).apply(feed) == [{"x": "clipped"}, {}]
    assert feed["x"].tolist() == [-edge, 0]


@given(st.floats(width=64, allow_nan=False, min_value=-3e38, max_value=3e38))
def test_limits_are_the_last_numbers_that_round_inside(bound: float) -> None:
    """The next double beyond a limit becomes a float32 outside of the bound."""
    low, high = limits(Number(name="x", minimum=bound, maximum=bound), declared=True)
    assert low <= bound <= high
    assert np.float32(low) == np.float32(bound) == np.float32(high)
    assert np.float32(math.nextafter(high, math.inf)) > np.float32(bound)
    assert np.float32(math.nextafter(low, -math.inf)) < np.float32(bound)


def test_limits_without_a_range() -> None:
    """Undeclared, a field takes what its dtype can hold and not a digit more."""
    low, high = limits(Number(name="x"), declared=True)
    with np.errstate(over="ignore"):
        assert np.isfinite(np.array([low, high], np.float32)).all()
        assert np.isinf(np.float32(math.nextafter(high, math.inf)))
    largest = np.finfo(np.float64).max
    assert limits(Number(name="x", dtype="float64"), declared=True) == (-largest, largest)
    counts = Tensor(name="x", shape=(), dtype="int32", minimum=1)
    assert limits(counts, declared=False) == (-(2**31), 2**31 - 1)
    assert limits(counts, declared=True) == (1, 2**31 - 1)


@given(st.data())
def test_clipped_rows_are_what_reject_would_take(data: st.DataObject) -> None:
    """What clipping lets through unflagged, rejecting takes; what it changes, rejecting refuses."""
    signature = data.draw(signatures().filter(lambda one: one.out_of_range == "clip"))
    row = data.draw(records(signature))
    batch = Decoder(signature).decode(json.dumps(row).encode())
    strict = Signature(inputs=signature.inputs, output=signature.output)
    error = diagnose(strict, json.dumps(row).encode())
    assert (error is None) == (batch.flags is None)
    if error:
        assert error.code == "out_of_range"
