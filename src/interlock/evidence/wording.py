"""Comparisons in one sentence each."""

from __future__ import annotations

import math

from interlock.evidence.catalogue import Metric
from interlock.evidence.limits import Limits
from interlock.evidence.verdict import Verdict


def comparison(
    metric: Metric,
    found: Limits,
    *,
    margin: float,
    alpha: float,
    verdict: Verdict,
    more_rows: int | None,
) -> str:
    """Such as: challenger 0.612, champion 0.581: +0.031, at least +0.004 with 95% confidence."""
    if found.span is None:
        return f"{metric.name}: {found.trouble}: {verdict}"
    low, high = found.span[:2]
    places = decimals(metric, high - low, _decisive(low, high, -margin, verdict, less=False))
    figures = f"challenger {found.challenger:.{places}f}, champion {found.champion:.{places}f}"
    signed = [f"{value:+.{places}f}" for value in (low, found.estimate, high)]
    span = _span(signed[0], signed[2], alpha, verdict, less=False)
    lower = " (lower is better)" if metric.better == "lower" else ""
    return (
        f"{metric.name}{lower}: {figures}: {signed[1]}, {span}; "
        f"margin {margin:g}: {verdict}{_why(found, verdict, more_rows)}"
    )


def bound(
    metric: Metric,
    found: Limits,
    *,
    ends: tuple[float, float] | None,
    limit: float,
    alpha: float,
    verdict: Verdict,
    more_rows: int | None,
) -> str:
    """Such as: accuracy 0.912, at least 0.894 with 95% confidence; at least 0.85 asked: passed."""
    if ends is None:
        return f"{metric.name}: {found.trouble}: {verdict}"
    low, high = ends
    less = metric.better == "lower"
    places = decimals(metric, high - low, _decisive(low, high, limit, verdict, less=less))
    span = _span(f"{low:.{places}f}", f"{high:.{places}f}", alpha, verdict, less=less)
    asked = f"at {'most' if less else 'least'} {limit:g} asked"
    why = _why(found, verdict, more_rows)
    return f"{metric.name} {found.challenger:.{places}f}, {span}; {asked}: {verdict}{why}"


def decimals(metric: Metric, width: float, decisive: float = 0.0) -> int:
    """Places after the point that show an interval's width with two digits.

    From 0 to 6; at least 3 where the metric has a range, because such figures are often shares.
    `decisive` is how far the limit that decided is from its line: that must not read as nothing.
    """
    least = 0 if metric.range is None else 3
    shown = max(least, 1 - math.floor(math.log10(width))) if width > 0 else 6
    if decisive:
        shown = max(shown, -math.floor(math.log10(abs(decisive))))
    return min(6, shown)


def confidence(alpha: float) -> str:
    """Confidence of one limit, in percent.

    >>> confidence(0.05), confidence(0.0076)
    ('95%', '99.24%')
    """
    return f"{round(100 * (1 - alpha), 3):g}%"


def _decisive(low: float, high: float, line: float, verdict: Verdict, *, less: bool) -> float:
    """How far the limit that decided is from the `line`; 0 when none did."""
    if verdict == "inconclusive":
        return 0.0
    return (low if (verdict == "passed") != less else high) - line


def _span(low: str, high: str, alpha: float, verdict: Verdict, *, less: bool) -> str:
    """What the interval says: the limit that decided, or both."""
    sure = f"with {confidence(alpha)} confidence"
    if verdict == "inconclusive":
        return f"between {low} and {high}, each {sure}"
    return f"at least {low} {sure}" if (verdict == "passed") != less else f"at most {high} {sure}"


def _why(found: Limits, verdict: Verdict, more_rows: int | None) -> str:
    """Why nothing is decided, and what would."""
    if verdict != "inconclusive":
        return ""
    if found.trouble:
        return f", because {found.trouble}"
    if more_rows is None:
        return ", and more rows would not decide if the difference stayed as it is"
    return f"; very roughly {_rounded(more_rows):,} more rows would decide if nothing else changed"


def _rounded(rows: int) -> int:
    """Up to one digit: simulated studies are off by factors, so more would be pretence.

    >>> _rounded(2217), _rounded(8)
    (3000, 8)
    """
    step = int(10 ** (len(str(rows)) - 1))
    return math.ceil(rows / step) * step
