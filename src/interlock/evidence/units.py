"""Units of analysis: rows that hang together count as one."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray


class Units(NamedTuple):
    """One entry a unit: its mean loss, and the interval in which it was first seen."""

    loss: NDArray[np.float64]
    interval: NDArray[np.int64]


def by_key(key: NDArray[Any], interval: NDArray[np.int64], loss: NDArray[np.float64]) -> Units:
    """Every key once, by the mean loss of its rows in the interval in which it first came.

    Keys stay with their version, so rows that a key sends later say more of the key than of the
    version: counted again, a handful of difficult patients would pass for a fault of the model.

    Parameters
    ----------
    key, interval, loss
        One entry a row: whose it is, when it was answered (whole intervals), how wrong it was.

    Examples
    --------
    >>> found = by_key(np.array(["a", "a", "b"]), np.array([1, 2, 1]), np.array([1.0, 1.0, 0.0]))
    >>> found.loss.tolist(), found.interval.tolist()
    ([1.0, 0.0], [1, 1])
    """
    _, member = np.unique(key, return_inverse=True)
    first = np.full(member.max(initial=-1) + 1, np.iinfo(np.int64).max)
    np.minimum.at(first, member, interval)
    counted = interval == first[member]
    rows = np.bincount(member[counted], minlength=len(first))
    total = np.bincount(member[counted], weights=loss[counted], minlength=len(first))
    return Units(total / rows, first)
