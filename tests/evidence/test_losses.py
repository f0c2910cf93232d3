"""Means of the losses are scikit-learn's metrics; the naive forecast is Hyndman and Koehler's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sklearn.metrics as reference
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from interlock.errors import EvidenceError
from interlock.evidence import losses

numbers = st.floats(-1e6, 1e6)
pairs = st.integers(1, 12).flatmap(
    lambda rows: st.tuples(*[arrays(np.float64, (rows, 3), elements=numbers)] * 2)
)


@given(pairs, st.sampled_from([0.1, 0.5, 0.9]))
def test_pinball_is_that_of_scikit_learn(pair: tuple[Any, Any], quantile: float) -> None:
    """Over several steps as over one, the mean is scikit-learn's pinball loss."""
    for truth, answers in (pair, (pair[0][:, 0], pair[1][:, 0])):
        found = losses.pinball(truth, answers, quantile)
        assert found.shape == (len(truth),)
        expected = reference.mean_pinball_loss(truth, answers, alpha=quantile)
        assert found.mean() == pytest.approx(expected)


@given(pairs)
def test_absolute_is_that_of_scikit_learn(pair: tuple[Any, Any]) -> None:
    """Over several steps as over one, the mean is scikit-learn's mean absolute error."""
    for truth, answers in (pair, (pair[0][:, 0], pair[1][:, 0])):
        found = losses.absolute(truth, answers)
        assert found.shape == (len(truth),)
        assert found.mean() == pytest.approx(reference.mean_absolute_error(truth, answers))


def test_brier_leaves_the_probabilities_as_they_are() -> None:
    """The score works on a copy; of two classes it is half the sum."""
    given_ = np.array([[0.25, 0.75], [1.0, 0.0]])
    found = losses.brier(np.array([1, 1]), given_)
    assert found.tolist() == [0.0625, 1.0]
    assert given_.tolist() == [[0.25, 0.75], [1.0, 0.0]]


def test_probability_of_nothing_costs_much_but_not_everything() -> None:
    """A probability of 0 for the truth counts as the smallest step of its type."""
    found = losses.log_loss(np.array([0, 1]), np.array([[0, 1], [0, 1]], np.float32))
    assert found[0] == pytest.approx(-np.log(np.finfo(np.float32).eps))
    assert found[1] == pytest.approx(0, abs=1e-6)


def test_naive_error_looks_one_season_back() -> None:
    """With a season of two, each value is compared with the one two before."""
    assert losses.naive_error([1.0, 5.0, 2.0, 7.0], season=2) == 1.5


@pytest.mark.parametrize(
    ("series", "season", "message"),
    [
        ([1.0, 2.0], 2, "a season of 2 needs a longer series"),
        ([1.0, 2.0], 0, "a season of 0 needs a longer series"),
        ([[1.0], [2.0]], 1, r"its shape is \[2, 1\]"),
        ([3.0, 3.0, 3.0], 1, "never changes"),
        ([1.0, float("nan")], 1, "never changes"),
    ],
)
def test_series_that_scales_nothing_is_refused(series: Any, season: int, message: str) -> None:
    """A scale of 0 or of nothing would make every MASE infinite."""
    with pytest.raises(EvidenceError, match=message):
        losses.naive_error(series, season)


def test_certain_answers_may_be_whole_numbers() -> None:
    """Probabilities of 0 and 1 given as integers are what they say."""
    found = losses.log_loss(np.array([0, 1]), np.array([[1, 0], [1, 0]]))
    assert found[0] == pytest.approx(0)
    assert found[1] > 30
