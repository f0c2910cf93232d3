"""Figures of hazards agree with scikit-survival's, with losses, ties and unseen ends.

Here a row without event was seen through its last step; scikit-survival has its loss at the very
moment of the step's events. So the reference is given losses half a step later.
"""

from __future__ import annotations

import math
from typing import Any, TypeAlias

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.typing import NDArray
from sksurv.metrics import brier_score, concordance_index_censored
from sksurv.nonparametric import kaplan_meier_estimator
from sksurv.util import Surv

from interlock.evidence import hazard
from interlock.evidence.scored import places

STEPS = 5

Rows: TypeAlias = tuple[NDArray[Any], NDArray[Any], NDArray[Any]]


@st.composite
def followed(draw: Any) -> Rows:
    """Durations (some beyond the last step), events and survivals; ties are common."""
    size = draw(st.integers(1, 25))
    whole = st.lists(st.integers(1, STEPS + 2), min_size=size, max_size=size)
    seen = st.lists(st.booleans(), min_size=size, max_size=size)
    hazards = st.lists(st.integers(0, 4), min_size=STEPS, max_size=STEPS)
    by_row = np.array(draw(st.lists(hazards, min_size=size, max_size=size))) / 5
    return np.array(draw(whole)), np.array(draw(seen)), np.cumprod(1 - by_row, axis=1)


def moments(duration: NDArray[np.int64], event: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Durations as scikit-survival should have them."""
    return np.where(event, duration, duration + 0.5)


@given(followed())
def test_brier_is_that_of_scikit_survival(rows: Rows) -> None:
    """The score of every step from the first end seen to before the last, as it asks for."""
    duration, event, survival = rows
    ended = moments(duration, event)
    times = np.array([step for step in range(1, STEPS + 1) if ended.min() <= step < ended.max()])
    assume(len(times) and event.any())
    ends = Surv.from_arrays(event, ended)
    _, expected = brier_score(ends, ends, survival[:, times - 1], times)
    found = hazard.brier(duration, event, survival)
    np.testing.assert_allclose(found[times - 1], expected)


@given(followed())
def test_brier_lies_between_0_and_1_or_is_unknown(rows: Rows) -> None:
    """Rows that stand for lost ones never count for more than all rows; unknown stays unknown."""
    duration, event, survival = rows
    found = hazard.brier(duration, event, survival)
    unknown = np.isnan(found)
    assert np.all((found[~unknown] >= 0) & (found[~unknown] <= 1 + 1e-12))
    assert not unknown[: duration.max()].any()


def test_brier_without_losses_is_the_mean_squared_distance() -> None:
    """With all ends seen, each step's score is scikit-learn's Brier score of "still without"."""
    survival = np.array([[0.9, 0.5], [0.8, 0.1], [0.7, 0.6]])
    found = hazard.brier(np.array([1, 2, 3]), np.array([True, True, True]), survival)
    spared = np.array([[0, 0], [1, 0], [1, 1]])
    np.testing.assert_allclose(found, ((survival - spared) ** 2).mean(axis=0))


def test_brier_of_the_last_month_counts_those_who_got_through_it() -> None:
    """All who are left are lost after the last month: it still has a score."""
    survival = np.array([[0.9, 0.8], [0.9, 0.6]])
    found = hazard.brier(np.array([2, 2]), np.array([False, False]), survival)
    np.testing.assert_allclose(found, [0.01, (0.04 + 0.16) / 2])


def test_months_that_nobody_was_followed_through_are_unknown() -> None:
    """After everybody is lost, neither score nor share can be told."""
    survival = np.array([[0.9, 0.8], [0.9, 0.6]])
    rows = np.array([1, 1]), np.array([True, False]), survival
    assert np.isnan(hazard.brier(*rows)).tolist() == [False, True]
    assert np.isnan(hazard.months(*rows).observed).tolist() == [False, True]


def test_after_everybody_met_the_event_it_stays_known() -> None:
    """With all ends seen, later steps are known: the event reached everybody."""
    survival = np.array([[0.9, 0.5], [0.9, 0.2]])
    rows = np.array([1, 1]), np.array([True, True]), survival
    assert hazard.months(*rows).observed.tolist() == [1, 1]
    np.testing.assert_allclose(hazard.brier(*rows), [0.81, (0.25 + 0.04) / 2])


@given(followed())
def test_observed_share_is_that_of_kaplan_and_meier(rows: Rows) -> None:
    """The share that the event reached is one minus scikit-survival's estimate."""
    duration, event, survival = rows
    found = hazard.months(duration, event, survival)
    times, alive = kaplan_meier_estimator(event, moments(duration, event))
    for step in range(1, STEPS + 1):
        before = alive[times <= step]
        share = 1 - (before[-1] if len(before) else 1.0)
        if not math.isnan(found.observed[step - 1]):
            assert found.observed[step - 1] == pytest.approx(share)
        else:
            assert duration.max() < step
    np.testing.assert_allclose(found.predicted, 1 - survival.mean(axis=0))


def test_rows_at_risk_and_events_are_counted_by_step() -> None:
    """Who entered each step in sight, and who met the event there."""
    found = hazard.months(
        np.array([1, 1, 2, 9]), np.array([True, False, True, True]), np.full((4, 2), 0.5)
    )
    assert found.at_risk.tolist() == [4, 2]
    assert found.events.tolist() == [1, 1]
    np.testing.assert_allclose(found.observed, [0.25, 1 - 0.75 * 0.5])


@given(followed(), st.data())
def test_concordance_of_one_order_is_that_of_scikit_survival(
    rows: Rows, data: st.DataObject
) -> None:
    """Where all steps order the rows alike, it is Harrell's index, ties included."""
    duration, event, _ = rows
    levels = st.lists(st.integers(0, 4), min_size=len(duration), max_size=len(duration))
    level = np.array(data.draw(levels))
    survival = np.cumprod(np.repeat(1 - level[:, None] / 5, STEPS, axis=1), axis=1)
    within = duration <= STEPS
    ends = np.minimum(moments(duration, event), STEPS + 1)
    found = hazard.concordance(duration, event, places(survival))
    assume(not math.isnan(found))  # the reference refuses what cannot be compared
    expected = concordance_index_censored(event & within, ends, level.astype(float))[0]
    assert found == pytest.approx(expected)


@given(followed())
def test_concordance_compares_survival_at_the_time_of_the_event(rows: Rows) -> None:
    """Pair by pair: at the step of the first event, its row has the lower survival."""
    duration, event, survival = rows
    won, pairs = 0.0, 0
    for i in range(len(duration)):
        for j in range(len(duration)):
            later = duration[j] > duration[i] or (duration[j] == duration[i] and not event[j])
            if event[i] and duration[i] <= STEPS and later:
                mine, other = survival[[i, j], duration[i] - 1]
                won += (mine < other) + (mine == other) / 2
                pairs += 1
    found = hazard.concordance(duration, event, places(survival))
    assert found == pytest.approx(won / pairs if pairs else math.nan, nan_ok=True)
