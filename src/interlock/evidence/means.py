"""Confidence limits of a mean over rows, all resamples at once.

Two lower limits are worked out, and the lower one holds. The first is BCa. It knows only what the
rows show: where three of the six rows of a rare class could go wrong, but by luck none did, no
resample ever goes wrong, and the interval is too short. The second limit therefore adds one unit
(row or group) to each stratum, as bad as a unit can well be, and weighs all units at random, by a
Dirichlet distribution (Gaffke, "Three test statistics for a nonparametric one-sided hypothesis on
the mean of a nonnegative variable", Math. Methods of Statistics 14, 2005). For shares of right
answers that is the exact limit of Clopper & Pearson (1934); where all rows are alike it is the
exact bound on the share of rows that could differ. The upper limit is its mirror image.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from interlock.evidence import bootstrap
from interlock.evidence.bootstrap import Draws, Floats, Plan, Span

CHUNK = 2_000_000
"""Drawn numbers held in memory at a time."""


class Unit(NamedTuple):
    """Sum over the rows of one unit, and how many rows it has."""

    total: float
    size: float


class Units(NamedTuple):
    """Sums and sizes of all units by their numbers, and for each stratum the worst and best."""

    totals: Floats
    sizes: Floats
    worst: tuple[Unit, ...]
    best: tuple[Unit, ...]


def totals(values: Floats, drawing: Plan) -> tuple[Floats, Floats]:
    """Sum and number of rows of each unit."""
    if drawing.members is None:
        return values, np.ones(len(values))
    sizes = np.array([len(rows) for rows in drawing.members], np.float64)
    return np.array([values[rows].sum() for rows in drawing.members]), sizes


def span(units: Units, draws: Draws) -> Span:
    """Limits of the mean over rows."""
    estimate = float(units.totals.sum() / units.sizes.sum())
    skew = bootstrap.acceleration(_left_out(units, draws))
    drawn = bootstrap.bca(estimate, np.sort(_drawn(units, draws)), skew, draws.alpha)
    against, favoured = _weighed(units, draws)
    return bootstrap.widened(estimate, drawn, against, favoured, draws.alpha)


def _left_out(units: Units, draws: Draws) -> list[Floats]:
    """The mean without each unit in turn."""
    rest = units.sizes.sum() - units.sizes
    means = (units.totals.sum() - units.totals) / rest
    return [means[part] for part in draws.plan.strata]


def _drawn(units: Units, draws: Draws) -> Floats:
    """Means of resamples: in each stratum as many units as it has, with replacement."""
    total, size = np.zeros((2, draws.resamples))
    for part in draws.plan.strata:
        for some, number in _chunks(draws.resamples, len(part)):
            drawn = part[draws.random.integers(len(part), size=(number, len(part)))]
            total[some] += units.totals[drawn].sum(axis=1)
            size[some] += units.sizes[drawn].sum(axis=1)
    mean: Floats = total / size
    return mean


def _weighed(units: Units, draws: Draws) -> tuple[Floats, Floats]:
    """Means under random weights, with the worst unit added to each stratum, and with the best."""
    low, high = np.zeros((2, 2, draws.resamples))
    for part, worst, best in zip(draws.plan.strata, units.worst, units.best, strict=True):
        real = np.column_stack([units.totals[part], units.sizes[part]])
        for some, number in _chunks(draws.resamples, len(part) + 1):
            weights = draws.random.standard_exponential((number, len(part) + 1))
            weights *= len(part) / weights.sum(axis=1, keepdims=True)
            sums = (weights[:, :-1] @ real).T
            low[:, some] += sums + np.outer(worst, weights[:, -1])
            high[:, some] += sums + np.outer(best, weights[:, -1])
    return low[0] / low[1], high[0] / high[1]


def _chunks(resamples: int, width: int) -> Iterator[tuple[slice, int]]:
    """Slices of the resamples that are drawn together, and their lengths."""
    step = max(1, CHUNK // width)
    for start in range(0, resamples, step):
        end = min(start + step, resamples)
        yield slice(start, end), end - start
