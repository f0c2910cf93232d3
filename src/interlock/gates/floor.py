"""`floor`: bounds that hold whatever the champion does, cleared by the confidence limit."""

from __future__ import annotations

from typing import Any

from interlock.evidence.compare import Bound
from interlock.evidence.verdict import worst
from interlock.gates.case import Case
from interlock.gates.contest import Contest
from interlock.gates.finding import Finding, Interval, Intervals

GATE = "floor"


def check(case: Case) -> Finding:
    """Hold every metric of ``[gates.floor] bounds`` against its bound.

    Raises
    ------
    EvidenceError
        When a metric does not fit the model, or cannot be told from these rows.
    """
    rules = case.policy.gates.floor
    metrics = {name: case.metric(name) for name in rules.bounds}
    if not metrics:
        sentence = "The policy sets no bounds, so there is none to miss."
        return Finding(gate=GATE, verdict="passed", sentence=sentence)
    look = case.spend(GATE, rules, rules.alpha)
    contest = Contest.of(case, look)
    scored = case.score(case.challenger, contest.rows)
    found = [
        contest.bound(metric, scored, limit=rules.bounds[name], among=len(metrics))
        for name, metric in metrics.items()
    ]
    return Finding(
        gate=GATE,
        verdict=worst(one.verdict for one in found),
        sentence=_sentence(found),
        figures={"bounds": [_row(one) for one in found]},
        plots=tuple(_plot(one) for one in found),
        look=look.number,
        alpha=look.alpha,
        holdout=look.holdout,
    )


def _sentence(found: list[Bound]) -> str:
    verdict = worst(one.verdict for one in found)
    decisive = [one for one in found if one.verdict == verdict]
    said = decisive[0].sentence
    if verdict == "passed" and len(found) > 1:
        return f"{len(found)} of {len(found)} bounds are cleared; the first: {said}"
    more = f" ({len(decisive) - 1} more likewise.)" if len(decisive) > 1 else ""
    return f"{said}{more}"


def _row(one: Bound) -> dict[str, Any]:
    return {
        "metric": one.metric,
        "figure": one.figure,
        "low": one.low,
        "high": one.high,
        "bound": one.limit,
        "verdict": one.verdict,
        "more rows": one.more_rows,
    }


def _plot(one: Bound) -> Intervals:
    line = Interval(
        label=one.metric, point=one.figure, low=one.low, high=one.high, verdict=one.verdict
    )
    return Intervals(
        title=f"{one.metric} against its bound",
        axis=one.metric,
        intervals=(line,),
        lines={"bound": one.limit},
    )
