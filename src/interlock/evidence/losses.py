"""What each row's answer costs: losses whose mean is the metric.

Every function gives one number a row, so that models are compared row by row.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from interlock.errors import EvidenceError

Floats: TypeAlias = NDArray[np.float64]


def log_loss(codes: NDArray[np.int64], probabilities: NDArray[Any]) -> Floats:
    """Minus the natural logarithm of the probability given to the true class (Good, 1952).

    `codes` are positions of the true classes, `probabilities` ``[rows, classes]``. A probability of
    0 counts as the smallest step of its floating-point type.
    """
    if probabilities.dtype.kind != "f":
        probabilities = probabilities.astype(np.float64)
    step = np.finfo(probabilities.dtype).eps
    of_truth = probabilities[np.arange(len(codes)), codes].clip(step, 1 - step)
    losses: Floats = -np.log(of_truth, dtype=np.float64)
    return losses


def brier(codes: NDArray[np.int64], probabilities: NDArray[Any]) -> Floats:
    """Squared distance of the probabilities from the truth, summed over classes (Brier, 1950).

    Between 0 and 2; for two classes it is halved, the customary figure between 0 and 1.
    """
    distance = probabilities.astype(np.float64)
    distance[np.arange(len(codes)), codes] -= 1
    score: Floats = np.einsum("ij,ij->i", distance, distance)
    return score / 2 if probabilities.shape[1] == 2 else score


def absolute(truth: NDArray[Any], answers: NDArray[Any]) -> Floats:
    """Distance of answer and truth, in their unit; of several steps, the mean distance."""
    return _by_row(np.abs(answers.astype(np.float64) - truth))


def pinball(truth: NDArray[Any], answers: NDArray[Any], quantile: float) -> Floats:
    """What an answer costs that is meant as a quantile (Koenker and Bassett, 1978).

    `quantile` times the distance where the answer is too low, ``1 - quantile`` times where it is
    too high; of several steps, the mean.

    >>> pinball(np.array([10.0, 10.0]), np.array([9.0, 11.0]), 0.75).tolist()
    [0.75, 0.25]
    """
    short = truth - answers.astype(np.float64)
    return _by_row(np.maximum(quantile * short, (quantile - 1) * short))


def naive_error(series: ArrayLike, season: int = 1) -> float:
    """Mean absolute error of the forecast "as one season ago", in the unit of `series`.

    Worked out on the training data, it is the `scale` of MASE: Hyndman and Koehler, "Another look
    at measures of forecast accuracy" (2006).

    Raises
    ------
    EvidenceError
        When the series is not longer than `season`, or never changes: then nothing can be scaled.

    Examples
    --------
    >>> naive_error([1.0, 2.0, 4.0])
    1.5
    """
    values = np.asarray(series, np.float64)
    if values.ndim != 1 or not 0 < season < len(values):
        shape = list(values.shape)
        raise EvidenceError(f"a season of {season} needs a longer series; its shape is {shape}")
    error = float(np.mean(np.abs(values[season:] - values[:-season])))
    if not error > 0:
        raise EvidenceError("the series never changes, so the naive forecast has no error")
    return error


def _by_row(losses: NDArray[Any]) -> Floats:
    return losses if losses.ndim == 1 else losses.mean(axis=1)
