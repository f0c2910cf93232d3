"""Figures agree with scikit-learn's, and refuse what they cannot judge."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
import pytest
import sklearn.metrics as reference
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from interlock.errors import EvidenceError
from interlock.evidence import metrics

LABELS = ("normal", "r-on-t", "other")

answered = st.lists(st.tuples(st.sampled_from(LABELS), st.sampled_from(LABELS)), min_size=1)


def columns(pairs: list[tuple[str, str]]) -> tuple[list[str], list[str]]:
    return [truth for truth, _ in pairs], [answer for _, answer in pairs]


@st.composite
def scored(draw: Any, labels: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """True classes and probability rows that add up to one; zeros and ones occur."""
    rows = draw(st.integers(1, 20))
    truth = draw(st.lists(st.integers(0, labels - 1), min_size=rows, max_size=rows))
    weight = st.lists(st.integers(0, 50), min_size=labels, max_size=labels).filter(any)
    weights = np.array(draw(st.lists(weight, min_size=rows, max_size=rows)), float)
    return np.array(truth), weights / weights.sum(axis=1, keepdims=True)


@given(answered)
def test_accuracy_and_confusion_are_those_of_scikit_learn(pairs: list[tuple[str, str]]) -> None:
    """Accuracy and the confusion matrix are scikit-learn's, for any answers."""
    y, predicted = columns(pairs)
    expected = reference.confusion_matrix(y, predicted, labels=LABELS)
    assert metrics.accuracy(y, predicted) == reference.accuracy_score(y, predicted)
    assert metrics.confusion(LABELS, y, predicted).tolist() == expected.tolist()


@given(answered)
def test_figures_by_class_are_those_of_scikit_learn(pairs: list[tuple[str, str]]) -> None:
    """Recall, precision and F1 by class are scikit-learn's, NaN where it has nothing to divide."""
    y, predicted = columns(pairs)
    expected = reference.precision_recall_fscore_support(
        y, predicted, labels=LABELS, zero_division=np.nan
    )
    np.testing.assert_allclose(metrics.precision_by_class(LABELS, y, predicted), expected[0])
    np.testing.assert_allclose(metrics.recall_by_class(LABELS, y, predicted), expected[1])
    np.testing.assert_allclose(metrics.f1_by_class(LABELS, y, predicted), expected[2])


@given(answered)
def test_macro_f1_is_that_of_scikit_learn(pairs: list[tuple[str, str]]) -> None:
    """Macro-F1 leaves out classes that neither occur nor are answered, as scikit-learn does."""
    y, predicted = columns(pairs)
    expected = reference.f1_score(y, predicted, average="macro")
    assert metrics.f1_macro(LABELS, y, predicted) == pytest.approx(expected)


@given(scored(labels=3))
def test_log_loss_is_that_of_scikit_learn(
    sample: tuple[NDArray[np.int64], NDArray[np.float64]],
) -> None:
    """Log loss is scikit-learn's, also for a true class that was given probability zero."""
    y, probabilities = sample
    expected = reference.log_loss(y, probabilities, labels=[0, 1, 2])
    assert metrics.log_loss([0, 1, 2], y, probabilities) == pytest.approx(expected)


@given(scored(labels=3))
def test_brier_is_that_of_scikit_learn(
    sample: tuple[NDArray[np.int64], NDArray[np.float64]],
) -> None:
    """The Brier score of several classes is scikit-learn's, between 0 and 2."""
    y, probabilities = sample
    expected = reference.brier_score_loss(y, probabilities, labels=[0, 1, 2])
    assert metrics.brier([0, 1, 2], y, probabilities) == pytest.approx(expected)


@given(scored(labels=2))
def test_brier_of_two_classes_is_halved(
    sample: tuple[NDArray[np.int64], NDArray[np.float64]],
) -> None:
    """For two classes the Brier score is the customary squared error of one probability."""
    y, probabilities = sample
    expected = np.mean((probabilities[:, 1] - y) ** 2)
    assert metrics.brier([0, 1], y, probabilities) == pytest.approx(expected)


def test_log_loss_of_float32_counts_zero_as_its_own_smallest_step() -> None:
    """A zero in float32 probabilities, as graphs answer them, costs what float32 can tell."""
    loss = metrics.log_loss(["a", "b"], ["a"], np.array([[0, 1]], np.float32))
    assert loss == pytest.approx(-math.log(np.finfo(np.float32).eps))


@given(st.lists(st.sampled_from(LABELS), min_size=1))
def test_majority_baseline_is_what_a_constant_answer_reaches(y: list[str]) -> None:
    """The baseline equals the best accuracy that one constant answer reaches on these rows."""
    best = max(metrics.accuracy(y, [label] * len(y)) for label in LABELS)
    assert metrics.majority_accuracy(y) == best


@given(st.lists(st.tuples(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6)), min_size=1))
def test_regression_figures_are_those_of_scikit_learn(pairs: list[tuple[float, float]]) -> None:
    """Mean absolute and root mean squared error are scikit-learn's."""
    y, predicted = np.array(pairs).T
    figures = metrics.regression(y, predicted)
    assert figures["rows"] == len(pairs)
    assert figures["mae"] == pytest.approx(reference.mean_absolute_error(y, predicted))
    assert figures["rmse"] == pytest.approx(reference.root_mean_squared_error(y, predicted))


def test_figures_of_a_split_are_plain_finite_numbers_by_name() -> None:
    """The dict of a split holds every figure that its rows can tell, and no NaN."""
    probabilities = np.array([[0.9, 0.1, 0], [0.2, 0.8, 0], [0.6, 0.4, 0]], np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figures = metrics.classification(
            LABELS,
            np.array(["normal", "r-on-t", "r-on-t"], object),
            np.array(["normal", "r-on-t", "normal"]),
            probabilities,
        )
    assert set(figures) == {
        "rows",
        "accuracy",
        "majority_accuracy",
        "f1_macro",
        "log_loss",
        "brier",
        "recall_normal",
        "recall_r-on-t",
        "precision_normal",
        "precision_r-on-t",
    }
    assert all(type(value) is float and math.isfinite(value) for value in figures.values())
    assert figures["rows"] == 3
    assert figures["recall_r-on-t"] == 0.5
    assert figures["precision_normal"] == 0.5


def test_whole_number_labels_are_told_by_value_not_by_position() -> None:
    """Integer labels need not start at zero."""
    table = metrics.confusion([10, 20], np.array([10, 20, 20]), np.array([20, 20, 20]))
    assert table.tolist() == [[0, 1], [0, 2]]


def test_unknown_label_is_refused_by_name() -> None:
    """A label outside the signature is an error that names it and the labels there are."""
    with pytest.raises(EvidenceError, match="y holds odd; the labels are normal, r-on-t, other"):
        metrics.confusion(LABELS, ["odd"], ["normal"])
    with pytest.raises(EvidenceError, match="predicted holds odd"):
        metrics.confusion(LABELS, ["normal"], ["odd"])


def test_no_rows_is_refused() -> None:
    """Figures of nothing are an error, not a NaN."""
    with pytest.raises(EvidenceError, match="y needs one value a row"):
        metrics.accuracy([], [])


def test_rows_that_differ_in_number_are_refused() -> None:
    """Answers for other rows than the truth are an error that gives both counts."""
    with pytest.raises(EvidenceError, match="y has 2 rows but predicted has 1"):
        metrics.mae([1.0, 2.0], [1.0])
    with pytest.raises(EvidenceError, match=r"shape \[1, 2\], not \[2, 2\]"):
        metrics.brier(["a", "b"], ["a", "b"], [[0.5, 0.5]])
