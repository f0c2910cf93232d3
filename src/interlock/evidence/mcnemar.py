"""Do two models err equally often? McNemar's test, exact."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from interlock.errors import EvidenceError


def exact(only_first: int, only_second: int) -> float:
    """Two-sided p-value from the rows that only one of two models answered right.

    Rows that both answered right, or both wrong, say nothing about which errs more often. Of the
    others, each model would have half if they erred equally often, so the count is binomial
    (McNemar, Psychometrika 12, 1947; exact rather than by chi-squared). No such row gives 1.

    >>> exact(1, 9)
    0.021484375
    """
    if min(only_first, only_second) < 0:
        raise EvidenceError(f"counts below 0: {only_first} and {only_second}")
    rows = only_first + only_second
    tail: float = special.bdtr(min(only_first, only_second), rows, 0.5)
    return min(1.0, 2 * float(tail))


def of_rows(first_right: ArrayLike, second_right: ArrayLike) -> float:
    """The same from whether each model was right on each of the same, independent rows.

    >>> of_rows([True, True, False], [True, False, False])
    1.0
    """
    first, second = np.asarray(first_right, bool), np.asarray(second_right, bool)
    if first.shape != second.shape:
        raise EvidenceError(f"{len(first)} rows of one model and {len(second)} of the other")
    return exact(int(np.sum(first & ~second)), int(np.sum(second & ~first)))
