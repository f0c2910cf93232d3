"""How well a score puts the rows of one class before all others.

`positive` says which rows are of that class. `places` are the rows' scores as whole numbers from 0
in the order of the score, equal scores in the same place (`interlock.evidence.scored.places`): so
each figure is two counts and a sum, and needs no sorting. Each is NaN where it is undefined.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray


def roc_auc(positive: NDArray[np.bool_], places: NDArray[Any]) -> float:
    """Chance that a row of the class scores above one of another; equal scores count one half.

    The area under the ROC curve: Hanley and McNeil (1982). NaN unless both kinds are there.

    >>> roc_auc(np.array([True, False, True]), np.array([0, 1, 2]))
    0.5
    """
    won, compared = pairs(positive, places)
    return won / compared if compared else math.nan


def pairs(positive: NDArray[np.bool_], places: NDArray[Any]) -> tuple[float, int]:
    """How many pairs of a row of the class and another are in order, and how many there are.

    A pair of equal scores counts one half.
    """
    hits, others = _counts(positive, places)
    won = np.dot(hits, np.cumsum(others) - others / 2)
    return float(won), int(hits.sum()) * int(others.sum())


def pr_auc(positive: NDArray[np.bool_], places: NDArray[Any]) -> float:
    """Average precision: precision at each place, weighted by the recall that it adds.

    The area under the precision-recall curve by steps, without interpolation: Davis and Goadrich
    (2006). NaN without rows of the class.
    """
    found, precision = _curve(positive, places)
    if not found[-1]:
        return math.nan
    return float(np.dot(np.diff(found, prepend=0), precision) / found[-1])


def recall_at_precision(
    positive: NDArray[np.bool_], places: NDArray[Any], precision: float
) -> float:
    """Largest share of the class that a threshold finds with at least this precision.

    0 where no threshold is that precise; NaN without rows of the class.

    >>> recall_at_precision(np.array([True, False, True]), np.array([0, 1, 2]), 0.9)
    0.5
    """
    found, reached = _curve(positive, places)
    if not found[-1]:
        return math.nan
    return float(np.max(found, where=reached >= precision, initial=0) / found[-1])


def _counts(
    positive: NDArray[np.bool_], places: NDArray[Any]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows of the class, and others, in each place."""
    every = np.bincount(places)
    hits = np.bincount(places[positive], minlength=len(every))
    return hits, every - hits


def _curve(
    positive: NDArray[np.bool_], places: NDArray[Any]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Rows found, and precision, with the threshold at each place, highest first."""
    hits, others = _counts(positive, places)
    found = np.cumsum(hits[::-1])
    return found, found / (found + np.cumsum(others[::-1]))
