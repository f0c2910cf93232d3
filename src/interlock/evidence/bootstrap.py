"""Confidence limits by drawing rows again: which rows are drawn together, and BCa limits.

BCa, the bias-corrected and accelerated bootstrap, is Efron, "Better bootstrap confidence
intervals", JASA 82 (1987); see chapters 14 and 22 of Efron & Tibshirani, "An Introduction to the
Bootstrap" (1993). Rows that come in groups (the beats of one patient) are drawn as whole groups:
the cluster bootstrap, section 3.8 of Davison & Hinkley, "Bootstrap Methods and their Application"
(1997).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import special

from interlock.errors import EvidenceError

Floats: TypeAlias = NDArray[np.float64]
Whole: TypeAlias = NDArray[np.int64]
Statistic: TypeAlias = Callable[[Whole], float]
"""A figure of the rows with these numbers; NaN where they cannot tell it."""

BLOCKS = 200
"""Units are left out in about so many blocks when there are more of them."""

REDRAWN = 0.1
"""Largest share of resamples without a figure that may be drawn again."""


@dataclass(frozen=True)
class Plan:
    """Which rows are drawn together (units) and in place of which others (strata).

    `strata` holds the unit numbers of each stratum; `members` the rows of each unit, or None where
    each row is its own.
    """

    strata: tuple[Whole, ...]
    members: tuple[Whole, ...] | None = None

    @property
    def units(self) -> int:
        return sum(map(len, self.strata))

    def rows(self, units: Whole) -> Whole:
        """Row numbers of these units."""
        if self.members is None:
            return units
        return np.concatenate([self.members[unit] for unit in units])

    def draw(self, random: np.random.Generator) -> Whole:
        """As many units of each stratum as it has, with replacement; their row numbers."""
        drawn = [units[random.integers(len(units), size=len(units))] for units in self.strata]
        return self.rows(np.concatenate(drawn))


def plan(rows: int, strata: NDArray[Any] | None = None, groups: NDArray[Any] | None = None) -> Plan:
    """How to draw `rows` rows again, given the stratum and the group of each, where there are any.

    Strata are kept only where each group lies in one of them; otherwise groups are drawn from all.

    >>> plan(4, groups=np.array(["a", "b", "a", "c"])).members
    (array([0, 2]), array([1]), array([3]))
    """
    for name, column in (("strata", strata), ("groups", groups)):
        if column is not None and np.shape(column) != (rows,):
            raise EvidenceError(f"{name} have the shape {list(np.shape(column))}, not [{rows}]")
    if groups is None:
        return Plan((np.arange(rows),) if strata is None else _members(strata))
    members = _members(groups)
    everybody = (np.arange(len(members)),)
    if strata is None or any(len(np.unique(strata[unit])) > 1 for unit in members):
        return Plan(everybody, members)
    return Plan(_members(np.array([strata[unit[0]] for unit in members])), members)


def _members(column: NDArray[Any]) -> tuple[Whole, ...]:
    """Positions of each distinct value."""
    _, code = np.unique(column, return_inverse=True)
    order = np.argsort(code, kind="stable")
    return tuple(np.split(order, np.cumsum(np.bincount(code))[:-1]))


@dataclass(frozen=True)
class Draws:
    """How often to draw by a plan, and the chance `alpha` of each limit to be missed."""

    plan: Plan
    alpha: float
    resamples: int
    random: np.random.Generator


class Resampled(NamedTuple):
    """Figures of the resamples in ascending order, and how many had to be drawn again."""

    figures: Floats
    redrawn: int


def resample(statistic: Statistic, draws: Draws) -> Resampled:
    """`statistic` of every resample; those without a figure are drawn again and counted.

    Where more than one resample in ten has none, no figure is given at all: what is left would be
    a selection of the lucky ones.
    """
    figures: list[float] = []
    without = 0
    while len(figures) < draws.resamples and without <= REDRAWN * draws.resamples:
        figure = statistic(draws.plan.draw(draws.random))
        if math.isnan(figure):
            without += 1
        else:
            figures.append(figure)
    known = figures if len(figures) == draws.resamples else []
    return Resampled(np.sort(np.array(known, np.float64)), without)


def jackknife(statistic: Statistic, drawing: Plan) -> list[Floats]:
    """`statistic` without each unit in turn, by stratum; without each block where there are many.

    What cannot be told without a block, such as the recall of a class whose only row is in it, is
    left out.
    """
    kept = np.ones(drawing.units, bool)

    def without(block: Whole) -> float:
        kept[block] = False
        rest = np.flatnonzero(kept)
        kept[block] = True
        return statistic(drawing.rows(rest)) if len(rest) else math.nan

    size = max(1, drawing.units // BLOCKS)
    by_stratum = [np.array([*map(without, _blocks(part, size))]) for part in drawing.strata]
    return [values[~np.isnan(values)] for values in by_stratum]


def _blocks(units: Whole, size: int) -> Iterator[Whole]:
    """Blocks of about that size; a small stratum has at least 20, or as many as it has units."""
    number = max(len(units) // size, min(len(units), 20))
    return (units[start::number] for start in range(number))


def acceleration(left_out: Sequence[Floats]) -> float:
    """How skewed the figure is: a sixth of the skewness of its jackknife values, by stratum."""
    centred = [values.mean() - values for values in left_out if len(values)]
    pull = np.concatenate(centred) if centred else np.zeros(1)
    spread = float(np.sum(pull**2)) ** 1.5
    return float(np.sum(pull**3)) / (6 * spread) if spread > 0 else 0.0


def bca(estimate: float, figures: Floats, skew: float, alpha: float) -> tuple[float, float]:
    """Lower and upper limit, each with confidence 1 - `alpha`, of sorted resampled `figures`."""
    number = len(figures)
    near = 1e-12 * (abs(estimate) + abs(float(figures[0])) + abs(float(figures[-1])))
    below, up_to = np.searchsorted(figures, [estimate - near, estimate + near])
    middle = np.clip((below + up_to) / (2 * number), 0.5 / number, 1 - 0.5 / number)
    bias = float(special.ndtri(middle))
    edge = float(special.ndtri(alpha))
    low = lower(figures, _level(bias, skew, edge))
    return low, upper(figures, 1 - _level(bias, skew, -edge))


def _level(bias: float, skew: float, edge: float) -> float:
    """Share of the resamples under the limit that would be the normal quantile `edge`."""
    moved = bias + edge
    stretch = 1 - skew * moved
    if stretch <= 0:
        return 0.0 if moved < 0 else 1.0
    return float(special.ndtr(bias + moved / stretch))


class Span(NamedTuple):
    """Lower and upper limit, and how far BCa alone reaches below and above the estimate."""

    low: float
    high: float
    below: float
    above: float


def widened(
    estimate: float, drawn: tuple[float, float], against: Floats, favoured: Floats, alpha: float
) -> Span:
    """The wider of BCa's limits and those of figures that an added unit pulls down, and up."""
    low, high = min(drawn[0], estimate), max(drawn[1], estimate)
    wide = lower(np.sort(against), alpha), upper(np.sort(favoured), alpha)
    return Span(min(low, wide[0]), max(high, wide[1]), estimate - low, high - estimate)


def lower(figures: Floats, alpha: float) -> float:
    """The value that at most a share `alpha` of sorted `figures` lies under."""
    return float(figures[min(max(_rank(figures, alpha), 1), len(figures)) - 1])


def upper(figures: Floats, alpha: float) -> float:
    """The value that at most a share `alpha` of sorted `figures` lies over."""
    return float(figures[-min(max(_rank(figures, alpha), 1), len(figures))])


def _rank(figures: Floats, alpha: float) -> int:
    """A hair more than the product, so that 0.05 of 200 is 10 and not 9.999."""
    return math.floor(alpha * (len(figures) + 1) + 1e-9)
