"""Elements of V2 inputs: the fast check and the slow explanation speak of the same ones."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from interlock.signature import Boolean, Category, Input, Integer, Number, Signature, Value, dtype
from interlock.signature.elements import Elements
from tests.signature.strategies import reals, signatures


def elements(field: Input) -> Elements:
    return Elements(field, Signature(inputs=(field,), output=Value()))


@given(st.data())
def test_refused_elements_can_be_explained(data: st.DataObject) -> None:
    """What the check on arrays refuses has a problem, and what it takes has none."""
    signature = data.draw(signatures())
    field = signature.inputs[0]
    checked = Elements(field, signature)
    kind = dtype(field)
    drawn: Any = reals(kind) | st.sampled_from([math.nan, math.inf, 0.0, 1.0, 2.0**24])
    if kind.startswith("int"):
        info = np.iinfo(kind)
        drawn = st.integers(int(info.min), int(info.max))
    elif kind in ("bool", "str"):
        drawn = st.booleans() if kind == "bool" else st.text(max_size=9)
    values = data.draw(st.lists(drawn, min_size=1, max_size=5))
    array = np.array(values, object if kind == "str" else kind)
    explained = [bool(list(checked.problems(value, "$", ()))) for value in array.tolist()]
    assert checked.refused(array).tolist() == np.flatnonzero(explained).tolist()


@pytest.mark.parametrize(
    ("field", "values", "refused"),
    [
        (Number(name="x", nullable=True), [np.nan, 1.5, np.inf], [2]),
        (Number(name="x"), [np.nan, 1.5, -np.inf], [0, 2]),
        (Integer(name="x", nullable=True, minimum=0), [np.nan, 1.5, -1, 2], [1, 2]),
        (Boolean(name="x", nullable=True), [np.nan, 0, 1, 0.5, 2], [3, 4]),
        (Category(name="x", values=("a",)), ["a", "", "b"], [1, 2]),
        (Category(name="x", values=("a",), nullable=True), ["a", "", "b"], [2]),
    ],
)
def test_refused(field: Input, values: list[Any], refused: list[int]) -> None:
    """Positions of all bad elements, in order."""
    kind = object if dtype(field) == "str" else dtype(field)
    assert elements(field).refused(np.array(values, kind)).tolist() == refused


def test_boolean_that_may_be_missing_travels_as_a_number() -> None:
    """The explanation says what to send, not what a plain record would have."""
    (problem,) = elements(Boolean(name="x", nullable=True)).problems(True, "$", ())
    assert problem.expected == "1, 0 or null"
