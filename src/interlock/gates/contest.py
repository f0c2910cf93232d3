"""Two sets of answers to the same rows, compared, and one set against a limit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import msgspec
import numpy as np

from interlock.data.copies import Copies
from interlock.data.rows import Array, Rows
from interlock.evidence.catalogue import Metric
from interlock.evidence.compare import Bound, Comparison, bound, compare
from interlock.evidence.scored import Scored
from interlock.gates.case import Case, Look
from interlock.gates.finding import Interval

Found = TypeVar("Found", Bound, Comparison)


@dataclass(frozen=True)
class Contest:
    """The rules of comparing on one holdout, once the look at it is paid for."""

    look: Look
    rows: Rows
    resamples: int
    copies: Copies
    units: Array | None

    @classmethod
    def of(cls, case: Case, look: Look) -> Contest:
        """The contest on the holdout of `case`."""
        resamples = case.policy.gates.champion.resamples
        return cls(look, case.holdout(), resamples, case.copies, case.units)

    def different(self, where: Array) -> int:
        """How many different rows there are among those `where` says."""
        return len(np.unique(self.copies.code[where]))

    def compare(
        self,
        metric: Metric,
        challenger: Scored,
        champion: Scored,
        *,
        margin: float,
        among: int = 1,
        where: Array | None = None,
    ) -> Comparison:
        """Compare on all rows, or on those `where` says.

        When this is one of several comparisons that must all pass, each passes at the look's
        alpha: all of them pass wrongly only if the worst one does. But one failure suffices to fail
        the lot, so a failure must be as sure as alpha shared `among` them asks (Bonferroni).
        """
        rows = np.arange(len(self.rows)) if where is None else np.flatnonzero(where)
        group = self.units
        alpha = self.look.alpha

        def at(alpha: float) -> Comparison:
            return compare(
                metric,
                challenger.take(rows),
                champion.take(rows),
                margin=margin,
                alpha=alpha,
                strata=strata(metric, challenger, rows),
                groups=None if group is None else group[rows],
                resamples=self.resamples,
            )

        found = at(alpha)
        if found.verdict != "failed" or among == 1:
            return found
        surer = at(alpha / among)
        return surer if surer.verdict == "failed" else _doubtful(found, among)

    def bound(self, metric: Metric, scored: Scored, *, limit: float, among: int = 1) -> Bound:
        """One set of answers against `limit`; `among` is as in `compare`."""

        def at(alpha: float) -> Bound:
            return bound(
                metric,
                scored,
                limit=limit,
                alpha=alpha,
                strata=strata(metric, scored, np.arange(len(scored))),
                groups=self.units,
                resamples=self.resamples,
            )

        found = at(self.look.alpha)
        if found.verdict != "failed" or among == 1:
            return found
        surer = at(self.look.alpha / among)
        return surer if surer.verdict == "failed" else _doubtful(found, among)


def strata(metric: Metric, scored: Scored, rows: Array) -> Array | None:
    """The class of each row, for metrics by class: resampling keeps their numbers.

    A mean over rows needs none, and a worst case added to every class would make its limits wider
    than they have to be.
    """
    by_class = scored.labels is not None and metric.rows is None
    return scored.codes[rows] if by_class else None


def allowed(metric: Metric, amount: float, figure: float) -> float:
    """`amount` in the metric's unit: a share of `figure` where a metric has no largest value."""
    return amount if metric.range is not None else amount * abs(figure)


def interval(label: str, found: Comparison) -> Interval:
    """A comparison as a line of an interval plot."""
    return Interval(
        label=label,
        point=found.difference,
        low=found.low,
        high=found.high,
        verdict=found.verdict,
    )


def _doubtful(found: Found, among: int) -> Found:
    why = f"looks worse, but not as surely as one of {among} comparisons has to"
    return msgspec.structs.replace(found, verdict="inconclusive", sentence=why)
