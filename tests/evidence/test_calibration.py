"""Bins agree with scikit-learn's reliability curve, recalibration with its logistic regression."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.calibration import calibration_curve
from sklearn.linear_model import LogisticRegression

from interlock.evidence import calibration

# Hundredths, so that edges of bins and both ends are met.
said_and_seen = st.lists(st.tuples(st.integers(0, 100), st.booleans()), min_size=1, max_size=60)


def columns(rows: list[tuple[int, bool]]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    return np.array([said / 100 for said, _ in rows]), np.array([seen for _, seen in rows])


@given(said_and_seen, st.sampled_from([5, 10, 15]))
def test_bins_are_those_of_scikit_learn(rows: list[tuple[int, bool]], bins: int) -> None:
    """What was said and what was seen in each bin with rows, edges included."""
    said, seen = columns(rows)
    share, mean = calibration_curve(seen, said, n_bins=bins)
    found = calibration.reliability(said, seen, bins)
    np.testing.assert_allclose(found.said, mean)
    np.testing.assert_allclose(found.seen, share)
    assert found.rows.sum() == len(rows)
    assert np.all((found.low <= found.said + 1e-12) & (found.said <= found.high + 1e-12))


@given(said_and_seen)
def test_calibration_error_is_the_mean_distance_over_the_bins(
    rows: list[tuple[int, bool]],
) -> None:
    """The bins of the reliability curve, each counted by its rows, make the error."""
    said, seen = columns(rows)
    found = calibration.reliability(said, seen)
    distance = np.average(np.abs(found.said - found.seen), weights=found.rows)
    assert calibration.ece(said, seen) == pytest.approx(distance)


def test_certainty_that_is_always_right_has_no_error() -> None:
    """Said 1 and seen always is perfect; said 1 and seen never is the worst there is."""
    always = np.ones(4, np.float32)
    assert calibration.ece(always, np.ones(4, bool)) == 0
    assert calibration.ece(always, np.zeros(4, bool)) == 1


def test_recalibration_is_the_logistic_regression_of_scikit_learn() -> None:
    """The slope is that of an unpenalised logistic regression on the logit."""
    random = np.random.default_rng(3)
    said = random.uniform(0.02, 0.98, 500)
    seen = random.random(500) < said**2
    logit = np.log(said / (1 - said))
    model = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000).fit(logit[:, None], seen)
    found = calibration.recalibration(said, seen)
    assert found.slope == pytest.approx(model.coef_[0, 0], rel=1e-4)
    # At slope 1 the right intercept makes the mean probability the share that was seen.
    mended = 1 / (1 + np.exp(-(logit + found.intercept)))
    assert mended.mean() == pytest.approx(seen.mean())
    assert found.intercept < -0.1


@given(st.integers(0, 2**32 - 1))
def test_probabilities_that_are_true_need_no_recalibration(seed: int) -> None:
    """Rows drawn with the probabilities said have an intercept near 0 and a slope near 1."""
    random = np.random.default_rng(seed)
    said = random.uniform(0.05, 0.95, 4000)
    found = calibration.recalibration(said, random.random(4000) < said)
    assert found.intercept == pytest.approx(0, abs=0.25)
    assert found.slope == pytest.approx(1, abs=0.25)


@given(said_and_seen)
def test_recalibration_never_fails(rows: list[tuple[int, bool]]) -> None:
    """Whatever the rows, there are two numbers or NaN, and no warning."""
    said, seen = columns(rows)
    found = calibration.recalibration(said, seen)
    assert isinstance(found.intercept, float)
    assume(seen.all() or not seen.any())
    assert math.isnan(found.intercept)
    assert math.isnan(found.slope)


def test_outcomes_that_are_separated_have_no_slope() -> None:
    """Where every high probability came true and no low one, no slope is steep enough: NaN."""
    found = calibration.recalibration(np.array([0.1, 0.2, 0.8, 0.9]), np.array([0, 0, 1, 1], bool))
    assert math.isnan(found.slope)
    assert found.intercept == pytest.approx(0)
