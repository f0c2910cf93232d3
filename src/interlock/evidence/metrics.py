"""How good answers are: figures of classifiers and of regressions.

`y` and `predicted` hold one label (or number) a row. `labels` are the classes in the signature's
order; `probabilities` is ``[rows, labels]`` in that order. What cannot be told from the rows, such
as the recall of a class that has none, is NaN.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from interlock.errors import EvidenceError
from interlock.evidence import classes, losses

Labels: TypeAlias = Sequence[str | int]
Floats: TypeAlias = NDArray[np.float64]


def accuracy(y: ArrayLike, predicted: ArrayLike) -> float:
    """Share of rows answered right.

    >>> accuracy(["a", "b", "b"], ["a", "b", "a"])
    0.6666666666666666
    """
    truth, answers = _pair(y, predicted)
    return float(np.mean(truth == answers))


def majority_accuracy(y: ArrayLike) -> float:
    """The baseline: accuracy of a model that always answers the most frequent class of `y`.

    >>> majority_accuracy(["a", "b", "b", "b"])
    0.75
    """
    truth = _column("y", y)
    _, counts = np.unique(truth, return_counts=True)
    return float(counts.max() / len(truth))


def confusion(labels: Labels, y: ArrayLike, predicted: ArrayLike) -> NDArray[np.int64]:
    """Counts ``[labels, labels]``: a row for each true class, a column for each answer.

    >>> confusion(["a", "b"], ["a", "b", "b"], ["a", "b", "a"]).tolist()
    [[1, 0], [1, 1]]
    """
    truth, answers = _pair(y, predicted)
    codes = _codes(labels, "y", truth), _codes(labels, "predicted", answers)
    return classes.table(*codes, len(labels))


def recall_by_class(labels: Labels, y: ArrayLike, predicted: ArrayLike) -> Floats:
    """Of the rows of each class, the share that was found; NaN for a class without rows."""
    return classes.recall(confusion(labels, y, predicted))


def precision_by_class(labels: Labels, y: ArrayLike, predicted: ArrayLike) -> Floats:
    """Of the answers of each class, the share that was right; NaN for one never answered."""
    return classes.precision(confusion(labels, y, predicted))


def f1_by_class(labels: Labels, y: ArrayLike, predicted: ArrayLike) -> Floats:
    """Harmonic mean of precision and recall; NaN for a class neither present nor answered."""
    return classes.f1(confusion(labels, y, predicted))


def f1_macro(labels: Labels, y: ArrayLike, predicted: ArrayLike) -> float:
    """Mean F1 of the classes that are present or answered, each counting the same.

    >>> f1_macro(["a", "b", "c"], ["a", "b", "b"], ["a", "b", "b"])
    1.0
    """
    return classes.f1_macro(confusion(labels, y, predicted))


def log_loss(labels: Labels, y: ArrayLike, probabilities: ArrayLike) -> float:
    """Mean of minus the logarithm of the probability given to the true class.

    A probability of 0 counts as the smallest step of its floating-point type.
    """
    return float(np.mean(losses.log_loss(*_scored(labels, y, probabilities))))


def brier(labels: Labels, y: ArrayLike, probabilities: ArrayLike) -> float:
    """Mean squared distance of the probabilities from the truth, summed over the classes.

    Between 0 and 2; for two classes it is halved, the customary figure between 0 and 1.
    """
    return float(np.mean(losses.brier(*_scored(labels, y, probabilities))))


def classification(
    labels: Labels, y: ArrayLike, predicted: ArrayLike, probabilities: ArrayLike
) -> dict[str, float]:
    """The figures of one split: what a package keeps and a model card shows.

    Keys: ``rows``, ``accuracy``, ``majority_accuracy``, ``f1_macro``, ``log_loss``, ``brier``, and
    ``recall_<label>`` and ``precision_<label>`` for each class that has one.

    Raises
    ------
    EvidenceError
        When there are no rows, lengths or shapes differ, or a label is unknown.
    """
    figures = {
        "rows": float(np.size(y)),
        "accuracy": accuracy(y, predicted),
        "majority_accuracy": majority_accuracy(y),
        "f1_macro": f1_macro(labels, y, predicted),
        "log_loss": log_loss(labels, y, probabilities),
        "brier": brier(labels, y, probabilities),
    }
    by_class = {
        "recall": recall_by_class(labels, y, predicted),
        "precision": precision_by_class(labels, y, predicted),
    }
    for figure, values in by_class.items():
        known = zip(labels, values.tolist(), strict=True)
        figures |= {f"{figure}_{label}": value for label, value in known if not math.isnan(value)}
    return figures


def mae(y: ArrayLike, predicted: ArrayLike) -> float:
    """Mean absolute error, in the unit of `y`.

    >>> mae([1.0, 2.0], [1.0, 4.0])
    1.0
    """
    truth, answers = _pair(y, predicted)
    return float(np.mean(losses.absolute(truth, answers)))


def rmse(y: ArrayLike, predicted: ArrayLike) -> float:
    """Root of the mean squared error, in the unit of `y`.

    >>> rmse([1.0, 2.0], [4.0, 6.0])
    3.5355339059327378
    """
    truth, answers = _pair(y, predicted)
    return float(np.sqrt(np.mean((answers.astype(np.float64) - truth) ** 2)))


def regression(y: ArrayLike, predicted: ArrayLike) -> dict[str, float]:
    """The figures of one split of a regression: ``rows``, ``mae``, ``rmse``.

    Raises
    ------
    EvidenceError
        When there are no rows, or the lengths differ.
    """
    return {"rows": float(np.size(y)), "mae": mae(y, predicted), "rmse": rmse(y, predicted)}


def _column(name: str, values: ArrayLike) -> NDArray[Any]:
    column = np.asarray(values)
    if column.ndim != 1 or not len(column):
        raise EvidenceError(f"{name} needs one value a row; its shape is {list(column.shape)}")
    return column


def _pair(y: ArrayLike, predicted: ArrayLike) -> tuple[NDArray[Any], NDArray[Any]]:
    truth, answers = _column("y", y), _column("predicted", predicted)
    if len(truth) != len(answers):
        raise EvidenceError(f"y has {len(truth)} rows but predicted has {len(answers)}")
    return truth, answers


def _codes(labels: Labels, name: str, values: NDArray[Any]) -> NDArray[np.int64]:
    """Position of each value in `labels`."""
    position = {label: code for code, label in enumerate(labels)}
    unknown = sorted({str(value) for value in values.tolist() if value not in position})
    if unknown:
        known = ", ".join(map(str, labels))
        raise EvidenceError(f"{name} holds {', '.join(unknown)}; the labels are {known}")
    return np.array([position[value] for value in values.tolist()], np.int64)


def _scored(
    labels: Labels, y: ArrayLike, probabilities: ArrayLike
) -> tuple[NDArray[np.int64], NDArray[Any]]:
    truth = _codes(labels, "y", _column("y", y))
    given = np.asarray(probabilities)
    if given.shape != (len(truth), len(labels)):
        expected = [len(truth), len(labels)]
        raise EvidenceError(f"probabilities have the shape {list(given.shape)}, not {expected}")
    return truth, given if given.dtype.kind == "f" else given.astype(np.float64)
