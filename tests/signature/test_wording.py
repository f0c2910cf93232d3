"""Words for people: short, exact, and always encodable."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interlock.signature import Boolean, Category, Input, Integer, Number, Tensor, Text
from interlock.signature.wording import got, listed, range_words, short, step, words


@pytest.mark.parametrize(
    ("field", "said"),
    [
        (Tensor(name="x", shape=(2, 3), dtype="int32"), "int32[2,3]"),
        (Tensor(name="x", shape=(3,), minimum=0, unit="mV"), "float32[3], at least 0 mV"),
        (Number(name="x", nullable=True), "a number or null"),
        (Number(name="x", minimum=-0.5, maximum=1e6), "a number, -0.5 to 1000000"),
        (Integer(name="x", maximum=12_345_678), "a whole number, at most 12345678"),
        (Boolean(name="x"), "true or false"),
        (Category(name="x", values=("a", "b"), nullable=True), "one of 'a', 'b' or null"),
        (Text(name="x"), "text"),
        (Text(name="x", max_length=9, nullable=True), "text of at most 9 characters or null"),
    ],
)
def test_what_an_input_takes(field: Input, said: str) -> None:
    """Kind, range, unit, and whether it may be missing."""
    assert words(field) == said


def test_ranges_keep_their_digits() -> None:
    """Bounds are told as they were declared, not in powers of ten."""
    assert range_words(0, 2**63 - 1) == "0 to 9223372036854775807"
    assert range_words(0.1, 1_234_567.0) == "0.1 to 1234567"
    assert range_words(-math.inf, 1e300) == "at most 1e+300"


def test_long_lists_are_cut() -> None:
    """A thousand categories do not make a message of a thousand lines."""
    assert listed([str(index) for index in range(1000)]).endswith("'11' and 988 more")


@given(st.text() | st.text(st.characters(categories=["Cs"])))
def test_text_is_short_and_can_be_sent(text: str) -> None:
    """Whatever came, what is said of it is valid UTF-8 and not much longer than a line."""
    for said in (short(text), got(text), step("$", text)):
        assert len(said.encode()) < 400


@pytest.mark.parametrize("value", ["x" * 10**6, 10**4000, [0] * 10**5, {"a": 1}, 1e999, math.nan])
def test_long_values_are_cut(value: Any) -> None:
    """A value of any size is told in a few words."""
    assert len(got(value)) < 70
