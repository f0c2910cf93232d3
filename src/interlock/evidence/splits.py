"""Which rows belong to training and which to the judgement of it.

Right only where rows are independent of each other. All rows of one person belong on one side.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

from interlock.errors import EvidenceError


def stratified(
    y: ArrayLike, fractions: Mapping[str, float], seed: int
) -> dict[str, NDArray[np.int64]]:
    """Row numbers of each split, ascending: every row in exactly one, every class in its share.

    The rows of a class are shared out by largest remainder, so that each split holds its exact
    share of the class rounded up or down. The same arguments give the same splits in every
    release of numpy.

    Raises
    ------
    EvidenceError
        When there are no rows, a fraction is not above 0, the fractions do not add up to 1, the
        seed is out of range, or a split would be empty.

    Examples
    --------
    >>> parts = stratified(["a"] * 8 + ["b"] * 4, {"train": 0.75, "test": 0.25}, seed=1)
    >>> {name: len(rows) for name, rows in parts.items()}
    {'train': 9, 'test': 3}
    """
    classes = np.asarray(y)
    _check(classes, fractions, seed)
    # The old generator on purpose: numpy promises its stream for good, and a holdout must stay one.
    random = np.random.RandomState(seed)
    drawn: dict[str, list[NDArray[np.int64]]] = {name: [] for name in fractions}
    for label in np.unique(classes):
        rows = random.permutation(np.flatnonzero(classes == label))
        cuts = np.cumsum(_shares(len(rows), list(fractions.values())))[:-1]
        for name, part in zip(fractions, np.split(rows, cuts), strict=True):
            drawn[name].append(part)
    splits = {name: np.sort(np.concatenate(parts)) for name, parts in drawn.items()}
    _refuse_empty(splits, len(classes))
    return splits


def _shares(count: int, fractions: list[float]) -> list[int]:
    """`count` shared out by largest remainder; of equal remainders the earlier split wins."""
    exact = [count * fraction for fraction in fractions]
    whole = [math.floor(share) for share in exact]
    by_remainder = sorted(range(len(exact)), key=lambda i: whole[i] - exact[i])
    for index in by_remainder[: count - sum(whole)]:
        whole[index] += 1
    return whole


def _check(classes: NDArray[np.generic], fractions: Mapping[str, float], seed: int) -> None:
    if classes.ndim != 1 or not len(classes):
        raise EvidenceError(f"y needs one label a row; its shape is {list(classes.shape)}")
    for name, fraction in fractions.items():
        if not fraction > 0:
            raise EvidenceError(f"split {name!r}: the fraction {fraction} is not above 0")
    total = math.fsum(fractions.values())
    if not math.isclose(total, 1, abs_tol=1e-9):
        raise EvidenceError(f"the fractions add up to {total:g}, not 1: {dict(fractions)}")
    if not 0 <= seed < 2**32:
        raise EvidenceError(f"seed {seed} is not between 0 and {2**32 - 1}")


def _refuse_empty(splits: Mapping[str, NDArray[np.int64]], rows: int) -> None:
    for name, part in splits.items():
        if not len(part):
            raise EvidenceError(f"split {name!r} would be empty: {rows} rows are too few for it")
