"""Graph outputs become plain answers, or an error of the engine where they cannot."""

from __future__ import annotations

import math
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from interlock.errors import EngineError
from interlock.signature import Classes, Output, Value, Vector
from interlock.signature.answers import reader

YES_NO = Classes(labels=("no", "yes"))
MONTHS = Vector(steps=("1", "2", "3"))


def labels(*names: Any) -> np.ndarray[Any, Any]:
    return np.array(names, object if isinstance(names[0], str) else np.int64)


def float32(values: Any) -> np.ndarray[Any, Any]:
    return np.array(values, np.float32)


def test_classes() -> None:
    """Each row has its label, the probability of that label, and all probabilities by name."""
    rows = reader(YES_NO)([labels("yes", "no"), float32([[0.25, 0.75], [1, 0]])])
    assert rows == [
        {"label": "yes", "confidence": 0.75, "probabilities": {"no": 0.25, "yes": 0.75}},
        {"label": "no", "confidence": 1.0, "probabilities": {"no": 1.0, "yes": 0.0}},
    ]


def test_integer_labels_are_names_in_json() -> None:
    """The label stays a number; probabilities are keyed by its text."""
    (row,) = reader(Classes(labels=(7, -1)))([labels(-1), float32([[0.5, 0.5]])])
    assert row["label"] == -1
    assert row["probabilities"] == {"7": 0.5, "-1": 0.5}
    assert msgspec.json.encode(row)


def test_confidence_is_that_of_the_label_answered() -> None:
    """A model with a threshold of its own may answer a label that is not the likeliest."""
    (row,) = reader(YES_NO)([labels("yes"), float32([[0.75, 0.25]])])
    assert row["confidence"] == 0.25


def test_value_and_vector() -> None:
    """A number is one; a vector is keyed by its steps."""
    assert reader(Value())([float32([1.5, 2])]) == [{"value": 1.5}, {"value": 2.0}]
    assert reader(MONTHS)([float32([[1, 2, 3]])]) == [{"values": {"1": 1.0, "2": 2.0, "3": 3.0}}]


@given(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=3, max_size=3))
def test_any_finite_numbers_are_read(values: list[float]) -> None:
    """Even the largest float32 together are no reason to refuse."""
    assert list(reader(MONTHS)([float32([values])])[0]["values"].values()) == values


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize(
    ("output", "rest", "shape"), [(YES_NO, [labels("no", "no")], 2), (MONTHS, [], 3)]
)
def test_number_that_is_not_finite(output: Output, rest: list[Any], shape: int, bad: float) -> None:
    """NaN anywhere in a batch fails the batch: no caller ever gets it."""
    numbers = np.zeros((2, shape), np.float32)
    numbers[1, 1] = bad
    with pytest.raises(EngineError, match="not finite"):
        reader(output)([*rest, numbers])
    with pytest.raises(EngineError, match="not finite"):
        reader(Value())([numbers[1]])


def test_infinities_that_cancel_out() -> None:
    """Plus and minus infinity do not add up to something finite."""
    with pytest.raises(EngineError, match="not finite"):
        reader(MONTHS)([float32([[math.inf, -math.inf, 0]])])


@pytest.mark.parametrize(
    ("output", "outputs"),
    [
        (YES_NO, [labels("maybe"), float32([[0.5, 0.5]])]),
        (YES_NO, [labels("no"), float32([[0.2, 0.3, 0.5]])]),
        (YES_NO, [labels("no", "no"), float32([[0.5, 0.5]])]),
        (YES_NO, [labels("no"), float32([0.5, 0.5])]),
        (YES_NO, [np.array([["no"]], object), float32([[0.5, 0.5]])]),
        (Value(), [float32([[1], [2]])]),
        (Value(), [float32(1)]),
        (MONTHS, [float32([[1, 2]])]),
        (MONTHS, [float32([1, 2, 3])]),
    ],
)
def test_outputs_of_another_model(output: Output, outputs: list[Any]) -> None:
    """Labels and shapes that the signature does not describe are the engine's failure."""
    with pytest.raises(EngineError, match="does not fit its signature"):
        reader(output)(outputs)
