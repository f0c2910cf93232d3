"""Areas under curves agree with scikit-learn's, ties and absent classes included."""

from __future__ import annotations

import math

import numpy as np
import pytest
import sklearn.metrics as reference
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from interlock.evidence import ranking
from interlock.evidence.scored import places

# Few distinct scores, so that ties are common.
ranked = st.lists(st.tuples(st.booleans(), st.integers(0, 6)), min_size=1, max_size=40)


def columns(rows: list[tuple[bool, int]]) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    return np.array([truth for truth, _ in rows]), np.array([score / 6 for _, score in rows])


def ordered(score: NDArray[np.float64]) -> NDArray[np.int32]:
    return places(score[:, None])[:, 0]


@given(ranked)
def test_roc_auc_is_that_of_scikit_learn(rows: list[tuple[bool, int]]) -> None:
    """Area under the ROC curve, for any scores; NaN where only one kind of row is there."""
    positive, score = columns(rows)
    found = ranking.roc_auc(positive, ordered(score))
    if positive.all() or not positive.any():
        assert math.isnan(found)
    else:
        assert found == pytest.approx(reference.roc_auc_score(positive, score))


@given(ranked)
def test_pr_auc_is_the_average_precision_of_scikit_learn(rows: list[tuple[bool, int]]) -> None:
    """Average precision, for any scores; NaN without rows of the class."""
    positive, score = columns(rows)
    found = ranking.pr_auc(positive, ordered(score))
    if not positive.any():
        assert math.isnan(found)
    else:
        assert found == pytest.approx(reference.average_precision_score(positive, score))


@given(ranked, st.sampled_from([0.25, 0.5, 0.8, 0.9]))
def test_recall_at_precision_is_on_the_curve_of_scikit_learn(
    rows: list[tuple[bool, int]], least: float
) -> None:
    """The largest recall of the precision-recall curve where the precision suffices."""
    positive, score = columns(rows)
    found = ranking.recall_at_precision(positive, ordered(score), least)
    if not positive.any():
        assert math.isnan(found)
    else:
        precision, recall, _ = reference.precision_recall_curve(positive, score)
        assert found == pytest.approx(recall[precision >= least].max())


@given(ranked, st.data())
def test_places_of_the_whole_serve_for_a_part(
    rows: list[tuple[bool, int]], data: st.DataObject
) -> None:
    """Resampled rows keep the places they had among all; gaps in them change no figure."""
    positive, score = columns(rows)
    number = st.integers(0, len(rows) - 1)
    part = np.array(data.draw(st.lists(number, min_size=1, max_size=20)))
    for figure in (ranking.roc_auc, ranking.pr_auc):
        old = figure(positive[part], ordered(score)[part])
        new = figure(positive[part], ordered(score[part]))
        assert old == pytest.approx(new, nan_ok=True)


def test_a_threshold_that_is_precise_nowhere_finds_nothing() -> None:
    """Where no threshold reaches the precision, recall is 0, not NaN."""
    positive = np.array([False, True])
    assert ranking.recall_at_precision(positive, np.array([1, 0]), 0.9) == 0.0


def test_precision_that_is_met_exactly_counts() -> None:
    """Nine right of ten is a precision of 0.9."""
    positive = np.array([True] * 9 + [False] + [True])
    order = np.array([1] * 10 + [0])
    assert ranking.recall_at_precision(positive, order, 0.9) == 1.0
    assert ranking.recall_at_precision(positive[:10], order[:10], 0.91) == 0.0


def test_pairs_count_ties_half() -> None:
    """Of two pairs, one is in order and one tied: one and a half of two."""
    assert ranking.pairs(np.array([True, False, False]), np.array([1, 0, 1])) == (1.5, 2)
