"""Counts of true classes against answers, and the figures by class that come out of them.

A class is a code here: its position among the labels. Formulas as in Manning, Raghavan and Schütze,
"Introduction to Information Retrieval" (2008), sections 8.3 and 13.6.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Counts: TypeAlias = NDArray[np.int64]
Floats: TypeAlias = NDArray[np.float64]


def table(truth: Counts, answers: Counts, size: int) -> Counts:
    """Counts ``[size, size]``: a row for each true class, a column for each answer.

    >>> table(np.array([0, 1, 1]), np.array([0, 1, 0]), 2).tolist()
    [[1, 0], [1, 1]]
    """
    return np.bincount(truth * size + answers, minlength=size * size).reshape(size, size)


def recall(counts: Counts) -> Floats:
    """Of the rows of each class, the share that was found; NaN for a class without rows."""
    return _divide(np.diag(counts), counts.sum(axis=1))


def precision(counts: Counts) -> Floats:
    """Of the answers of each class, the share that was right; NaN for one never answered."""
    return _divide(np.diag(counts), counts.sum(axis=0))


def f1(counts: Counts) -> Floats:
    """Harmonic mean of precision and recall; NaN for a class neither present nor answered."""
    return _divide(2 * np.diag(counts), counts.sum(axis=0) + counts.sum(axis=1))


def f1_macro(counts: Counts) -> float:
    """Mean F1 of the classes that are present or answered, each counting the same.

    >>> f1_macro(np.array([[1, 0, 0], [0, 2, 0], [0, 0, 0]]))
    1.0
    """
    return float(np.nanmean(f1(counts)))


def _divide(part: NDArray[Any], whole: NDArray[Any]) -> Floats:
    """`part` / `whole`, NaN where there is nothing to divide by."""
    quotient = np.full(len(whole), np.nan)
    np.divide(part, whole, out=quotient, where=whole > 0)
    return quotient
