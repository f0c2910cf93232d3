"""Is the challenger as good as the champion, and is a model as good as it must be?

Both questions are answered by intervals on the same rows, never by figures alone. `passed` needs
the lower limit to clear the margin, `failed` the upper one to stay under it; anything between is
`inconclusive`. Each limit is one-sided with confidence 1 - alpha, so that a challenger that truly
is worse by exactly the margin passes with a chance of at most alpha, and one that is exactly at the
margin fails with a chance of at most alpha. `benchmarks/intervals.py` shows it by simulation.

BCa alone falls short of that on few rows and rare classes, so limits are the wider ones of BCa and
of the bootstrap with one more row (or group) that speaks against the model; see `limits`.
"""

from __future__ import annotations

import math
from typing import Any

import msgspec
from numpy.typing import NDArray

from interlock.errors import EvidenceError
from interlock.evidence import mcnemar, wording
from interlock.evidence.adversary import Rows
from interlock.evidence.catalogue import Metric
from interlock.evidence.limits import LEAST_UNITS, Limits, limits
from interlock.evidence.scored import Scored
from interlock.evidence.verdict import Verdict

BIASED = ("ece", "hazard_calibration")
"""Metrics that no two models are compared by."""
MOST_ROWS = 1e9
"""Nobody collects more rows than this to decide."""


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """Two models on the same rows.

    Parameters
    ----------
    challenger, champion
        Their figures; None where the rows cannot tell them.
    difference
        Above 0 the challenger is better, whatever the metric.
    low, high
        One-sided limits of the difference, each with confidence 1 - `alpha`.
    margin
        How much worse the challenger may be (above 0), or how much better it must be (below 0).
    more_rows
        Very roughly how many rows more would decide if the difference stayed as it is; None where
        the verdict is not inconclusive, or no number of rows would.
    p_value
        McNemar's exact test, two-sided; only for accuracy on rows that are not grouped.
    method
        How the limits were worked out, for reports.
    """

    metric: str
    rows: int
    challenger: float | None
    champion: float | None
    difference: float | None
    low: float | None
    high: float | None
    margin: float
    alpha: float
    verdict: Verdict
    sentence: str
    more_rows: int | None
    p_value: float | None
    method: str


class Bound(msgspec.Struct, frozen=True, kw_only=True):
    """One model against an absolute limit.

    `low` and `high` are one-sided limits of the figure itself, each with confidence 1 - `alpha`.
    For a metric that is better low, `limit` is what the figure may reach at most.
    """

    metric: str
    rows: int
    figure: float | None
    low: float | None
    high: float | None
    limit: float
    alpha: float
    verdict: Verdict
    sentence: str
    more_rows: int | None
    method: str


def compare(
    metric: Metric,
    challenger: Scored,
    champion: Scored,
    *,
    margin: float,
    alpha: float,
    strata: NDArray[Any] | None = None,
    groups: NDArray[Any] | None = None,
    resamples: int = 2000,
    seed: int = 0,
) -> Comparison:
    """Compare two models on the same rows.

    Parameters
    ----------
    margin
        Above 0 it asks for "not worse by more than this", 0 for "better", below 0 for "better by
        more than this", in the unit of the metric.
    alpha
        Chance of a false pass, and of a false failure, at most; up to 0.5.
    strata
        A value a row: resamples keep the number of rows of each (of each class, say).
    groups
        A value a row: rows that share it are not independent, and are drawn together.
    resamples
        At least 100; more are drawn where `alpha` is small.

    Raises
    ------
    EvidenceError
        When the rows are not the same, an argument is out of range, or the metric is an error of
        calibration: see `_check_comparable`.
    """
    _check_comparable(metric)
    _check_finite("margin", margin)
    rows = Rows(challenger, champion, strata, groups)
    found = limits(metric, rows, alpha=alpha, resamples=resamples, seed=seed)
    verdict = _verdict(found, -margin)
    more = _more_rows(found, -margin, len(challenger)) if verdict == "inconclusive" else None
    independent = metric.name == "accuracy" and groups is None
    return Comparison(
        metric=metric.name,
        rows=len(challenger),
        challenger=_known(found.challenger),
        champion=_known(found.champion),
        difference=_known(found.estimate),
        low=found.span.low if found.span else None,
        high=found.span.high if found.span else None,
        margin=margin,
        alpha=alpha,
        verdict=verdict,
        sentence=wording.comparison(
            metric, found, margin=margin, alpha=alpha, verdict=verdict, more_rows=more
        ),
        more_rows=more,
        p_value=_mcnemar(challenger, champion) if independent else None,
        method=found.method,
    )


def _check_comparable(metric: Metric) -> None:
    """Refuse errors of calibration: the more noise, the larger, and most so for the better model.

    No interval of their difference holds its alpha. `benchmarks/intervals.py` has a case.
    """
    if metric.name.partition(":")[0] in BIASED:
        raise EvidenceError(
            f"{metric.name} of two models cannot be compared: noise favours the worse one."
            " Compare brier, log_loss or hazard_brier; the calibration gate holds one model's"
            " error against a limit."
        )


def _check_finite(name: str, value: float) -> None:
    if not math.isfinite(value):
        raise EvidenceError(f"{name} is {value}: it takes a finite number")


def bound(
    metric: Metric,
    scored: Scored,
    *,
    limit: float,
    alpha: float,
    strata: NDArray[Any] | None = None,
    groups: NDArray[Any] | None = None,
    resamples: int = 2000,
    seed: int = 0,
) -> Bound:
    """Hold one model against an absolute limit; arguments as `compare` has them.

    Raises
    ------
    EvidenceError
        When an argument is out of range.
    """
    _check_finite("limit", limit)
    rows = Rows(scored, None, strata, groups)
    found = limits(metric, rows, alpha=alpha, resamples=resamples, seed=seed)
    lower_is_better = metric.better == "lower"
    threshold = -limit if lower_is_better else limit
    verdict = _verdict(found, threshold)
    more = _more_rows(found, threshold, len(scored)) if verdict == "inconclusive" else None
    ends = (found.span.low, found.span.high) if found.span else None
    if ends and lower_is_better:
        ends = -ends[1], -ends[0]
    return Bound(
        metric=metric.name,
        rows=len(scored),
        figure=_known(found.challenger),
        low=ends[0] if ends else None,
        high=ends[1] if ends else None,
        limit=limit,
        alpha=alpha,
        verdict=verdict,
        sentence=wording.bound(
            metric, found, ends=ends, limit=limit, alpha=alpha, verdict=verdict, more_rows=more
        ),
        more_rows=more,
        method=found.method,
    )


def _verdict(found: Limits, threshold: float) -> Verdict:
    if found.trouble or found.span is None:
        return "inconclusive"
    if found.span.low > threshold:
        return "passed"
    return "failed" if found.span.high < threshold else "inconclusive"


def _more_rows(found: Limits, threshold: float, rows: int) -> int | None:
    """Rows that would bring the nearer limit to the threshold.

    With t times the rows, what BCa reaches shrinks by the square root of t, and what the worst case
    adds to it by t. The shrinking that is needed solves a quadratic equation.
    """
    distance = abs(found.estimate - threshold)
    if found.span is None or not distance:
        return None
    if found.estimate > threshold:
        reach, width = found.span.below, found.estimate - found.span.low
    else:
        reach, width = found.span.above, found.span.high - found.estimate
    root = math.sqrt(reach**2 + 4 * (width - reach) * distance)
    times = max(((reach + root) / (2 * distance)) ** 2, LEAST_UNITS / found.units)
    return max(1, math.ceil(rows * (times - 1))) if rows * times <= MOST_ROWS else None


def _mcnemar(challenger: Scored, champion: Scored) -> float:
    right = (scored.codes == scored.answers for scored in (challenger, champion))
    return mcnemar.of_rows(*right)


def _known(figure: float | None) -> float | None:
    return None if figure is None or math.isnan(figure) else figure
