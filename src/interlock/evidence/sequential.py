"""Evidence that stays valid however often one looks: tests by betting.

A test of "the mean of X is at most m" is a bet: a capital of 1 is multiplied by
``1 + stake * (x - m)`` with every observation. If the hypothesis holds the capital is a
non-negative supermartingale, so the probability that it *ever* reaches ``1 / alpha`` is at most
`alpha` (Ville's inequality), whoever looks and whenever they stop. We hold a mixture of fixed
stakes, which needs no tuning; and because fixed stakes do not care for order, everything there is
to know of the past is how often each value came. Means that no bet refutes are a confidence
sequence: an interval that holds at all times at once.

Sources: Waudby-Smith & Ramdas, "Estimating means of bounded random variables by betting", JRSS B
86(1), 2024, sections 3 and 4.4 (a mixture instead of a plug-in stake); Ville 1939.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from interlock.errors import EvidenceError

STEPS = 1000
"""Values are kept to a thousandth of the unit, rounded against whatever is to be shown."""

# Shares of the largest stake that cannot lose more than everything: small ones wait for small
# differences, large ones catch collapses within a few rows.
_SHARES = 0.7 * 2.0 ** -np.arange(6)

Side = Literal["above", "below"]


class Bets(msgspec.Struct, kw_only=True):
    """What was observed of a quantity that lies between `low` and `high`.

    Parameters
    ----------
    low, high
        Bounds of every observation, known before the first one.
    floors, ceilings
        How often each value came, rounded down and rounded up, in thousandths. Two counts, so that
        rounding never helps a claim: claims of "above" use the first, of "below" the second.

    Examples
    --------
    >>> bets = Bets(low=0.0, high=1.0)
    >>> bets.add([1.0] * 30 + [0.0] * 10)
    >>> [round(bound, 2) for bound in bets.interval(0.05)]
    [0.49, 0.92]
    >>> round(bets.evidence(0.5, "above"))
    31
    """

    low: float
    high: float
    floors: dict[int, int] = {}
    ceilings: dict[int, int] = {}

    def add(self, values: Iterable[float]) -> None:
        """Take note of observations; EvidenceError for one that is out of bounds or not finite."""
        seen = np.asarray(list(values), float)
        if len(seen) and not (seen.min() >= self.low - 1e-9 and seen.max() <= self.high + 1e-9):
            raise EvidenceError(
                f"observations from {seen.min()} to {seen.max()} do not lie between"
                f" {self.low} and {self.high}"
            )
        # What float arithmetic made of a whole thousandth is that thousandth.
        scaled = np.round(seen * STEPS, 6)
        _count(self.floors, np.floor(scaled))
        _count(self.ceilings, np.ceil(scaled))

    def __len__(self) -> int:
        return sum(self.floors.values())

    @property
    def mean(self) -> float:
        """The plain mean, to a thousandth; NaN before the first observation."""
        rows = len(self)
        total = sum((value * times) for value, times in self.floors.items())
        total += sum((value * times) for value, times in self.ceilings.items())
        return total / (2 * STEPS * rows) if rows else math.nan

    def evidence(self, mean: float, side: Side) -> float:
        """Capital won against "the true mean is not `side` `mean`"; 1 before the first row.

        At most one in ``x`` runs in which that is so ever sees more than ``x``.
        """
        return math.exp(min(700.0, self.log_evidence(mean, side)))

    def log_evidence(self, mean: float, side: Side) -> float:
        """Logarithm of `evidence`, which may be beyond what a float holds."""
        values, times = _arrays(self.floors if side == "above" else self.ceilings)
        if not len(values):
            return 0.0
        sign = 1.0 if side == "above" else -1.0
        worst = mean - self.low if side == "above" else self.high - mean
        if worst <= 0:  # a mean at the very bound: nothing can be lost on the other side
            worst = self.high - self.low
        stakes = (_SHARES / worst)[:, None]
        # A value that was rounded up may lie a little beyond `high`, and cost more than everything.
        gains = np.log1p(np.maximum(sign * stakes * (values - mean), -1 + 1e-12)) @ times
        return float(np.logaddexp.reduce(gains) - math.log(len(_SHARES)))

    def interval(self, alpha: float) -> tuple[float, float]:
        """The means that the bets have not refuted: a confidence sequence of level ``1 - alpha``.

        Each end has half of `alpha`, so that either holds alone at ``1 - alpha / 2``.
        """
        return self.bound(alpha / 2, "above"), self.bound(alpha / 2, "below")

    def bound(self, alpha: float, side: Side) -> float:
        """One end: the mean is `side` of it, with probability ``1 - alpha`` at all times at once.

        It is found to a thousandth part of a step by halving; evidence grows as the claim weakens.
        """
        enough = -math.log(alpha)
        sure, doubtful = (self.low, self.high) if side == "above" else (self.high, self.low)
        for _ in range(40):
            middle = (sure + doubtful) / 2
            if self.log_evidence(middle, side) >= enough:
                sure = middle
            else:
                doubtful = middle
            if abs(sure - doubtful) < 1e-6:
                break
        return sure


def contrasts(
    challenger: NDArray[np.float64], champion: NDArray[np.float64], seed: int
) -> NDArray[np.float64]:
    """Losses of one interval as differences that are independent of each other.

    Every challenger row is set against champion rows of its own, drawn without replacement: as
    many as there are to each. Were all set against one mean, its error would be in every
    difference, and a bet on many of them at once would no longer be fair. Champion rows fewer than
    the challenger's leave some of those without a partner; they are not counted.

    Parameters
    ----------
    challenger, champion
        Losses ``[rows]`` between 0 and 1 of rows answered in the same interval.
    seed
        For the draw: the same interval gives the same differences.

    Returns
    -------
    Differences, above 0 where the challenger does worse, one a challenger row with a partner.

    Examples
    --------
    >>> contrasts(np.array([1.0, 0.0]), np.array([0.0, 0.0, 0.0, 0.0]), seed=0)
    array([1., 0.])
    """
    rows = min(len(challenger), len(champion))
    if not rows:
        return np.empty(0)
    draw = np.random.default_rng(seed)
    mine = draw.permutation(challenger)[:rows]
    each = len(champion) // rows
    theirs = draw.permutation(champion)[: each * rows].reshape(rows, each)
    found: NDArray[np.float64] = mine - theirs.mean(axis=1)
    return found


def _count(counts: dict[int, int], scaled: NDArray[np.float64]) -> None:
    for value, times in zip(*np.unique(scaled.astype(int), return_counts=True), strict=True):
        counts[int(value)] = counts.get(int(value), 0) + int(times)


def _arrays(counts: Mapping[int, int]) -> tuple[NDArray[np.float64], NDArray[Any]]:
    values = np.fromiter(counts.keys(), float, len(counts)) / STEPS
    return values, np.fromiter(counts.values(), float, len(counts))
