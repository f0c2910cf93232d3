"""Whether probabilities mean what they say: of all rows given 0.8, eight in ten should be right.

`probability` is what was said of each row, `happened` whether it was so: the confidence of each
answer and whether it was right, or the probability of one class and whether the row is of it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

BINS = 15


@dataclass(frozen=True, eq=False)
class Reliability:
    """Rows in bins of equal width by the probability given; bins without rows are left out.

    `said` is the mean probability in each bin, `seen` the share of its rows where it was so.
    """

    low: NDArray[np.float64]
    high: NDArray[np.float64]
    rows: NDArray[np.int64]
    said: NDArray[np.float64]
    seen: NDArray[np.float64]


@dataclass(frozen=True)
class Recalibration:
    """The logistic curve that would put probabilities right.

    A perfect model has the intercept 0 and the slope 1. An intercept below 0 says that the
    probabilities are too high on the whole; a slope below 1, that they are too extreme. NaN where
    no curve fits: only one outcome, or outcomes that the probabilities separate without exception.
    """

    intercept: float
    slope: float


def reliability(
    probability: NDArray[Any], happened: NDArray[np.bool_], bins: int = BINS
) -> Reliability:
    """What was said and what was seen, bin by bin; a bin holds its upper edge, not its lower.

    >>> reliability(np.array([0.1, 0.2, 0.9]), np.array([False, True, True]), bins=2).seen.tolist()
    [0.5, 1.0]
    """
    edges = np.linspace(0, 1, bins + 1)
    rows, said, seen = _totals(probability, happened, edges)
    full = rows > 0
    return Reliability(
        low=edges[:-1][full],
        high=edges[1:][full],
        rows=rows[full],
        said=said[full] / rows[full],
        seen=seen[full] / rows[full],
    )


def ece(probability: NDArray[Any], happened: NDArray[np.bool_], bins: int = BINS) -> float:
    """Expected calibration error: mean distance of said and seen, each row counting the same.

    Naeini et al. (2015), Guo et al., "On calibration of modern neural networks" (2017). Few rows
    a bin make it too large, never too small on average.

    >>> ece(np.array([0.75, 0.75]), np.array([True, False]))
    0.25
    """
    _, said, seen = _totals(probability, happened, np.linspace(0, 1, bins + 1))
    return float(np.abs(said - seen).sum() / len(probability))


def recalibration(probability: NDArray[Any], happened: NDArray[np.bool_]) -> Recalibration:
    """Calibration in the large (intercept at slope 1) and calibration slope.

    Cox (1958); Van Calster et al., "A calibration hierarchy for risk models was defined" (2016).
    Probabilities of 0 and 1 count as the smallest step of a float32 away from them.
    """
    step = float(np.finfo(np.float32).eps)
    given = np.clip(probability.astype(np.float64), step, 1 - step)
    logit = np.log(given) - np.log1p(-given)
    ones = np.ones((len(logit), 1))
    fixed = _logistic(ones, happened, offset=logit)
    free = _logistic(np.column_stack([ones, logit]), happened, offset=np.zeros(len(logit)))
    return Recalibration(intercept=float(fixed[0]), slope=float(free[1]))


def _totals(
    probability: NDArray[Any], happened: NDArray[np.bool_], edges: NDArray[np.float64]
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Rows, sum of probabilities, and number of times it was so, in each bin."""
    place = np.searchsorted(edges[1:-1], probability)
    bins = len(edges) - 1
    rows = np.bincount(place, minlength=bins)
    said = np.bincount(place, weights=probability, minlength=bins)
    seen = np.bincount(place, weights=happened, minlength=bins)
    return rows, said, seen


def _logistic(
    features: NDArray[np.float64], happened: NDArray[np.bool_], offset: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Maximum-likelihood coefficients by Newton's method; NaN where there are none."""
    nowhere = np.full(features.shape[1], math.nan)
    weights = np.zeros(features.shape[1])
    for _ in range(50):
        chance = 1 / (1 + np.exp(-np.clip(features @ weights + offset, -500, 500)))
        slope = features.T @ (happened - chance)
        curve = (features.T * (chance * (1 - chance))) @ features
        try:
            step = np.linalg.solve(curve, slope)
        except np.linalg.LinAlgError:
            return nowhere
        weights = weights + step
        if np.abs(step).max() < 1e-9:
            return weights
    return nowhere
