"""`robustness`: inputs as they come on a bad day do little harm.

Every disturbance must hold twice: it costs the challenger no more than `loss` of what there is to
lose, and disturbed it is worse than the champion, disturbed in the same way, by no more than
`worse`. Three more things betray a graph that scales its inputs otherwise than its training did:
its scaler does not fit the training rows, it answers much better when all numbers come smaller, or
far worse than its training recorded.
"""

from __future__ import annotations

from typing import Any

import msgspec

from interlock.evidence.catalogue import Metric
from interlock.evidence.compare import Comparison
from interlock.evidence.verdict import worst
from interlock.gates.case import Case
from interlock.gates.contest import Contest, interval
from interlock.gates.finding import Bars, Finding, Intervals
from interlock.gates.trial import UNDISTURBED, Trial, Tried

GATE = "robustness"


def check(case: Case) -> Finding:
    """Disturb the holdout in every way that the signature allows, and compare.

    Raises
    ------
    EvidenceError
        When the metric cannot be told from these rows.
    """
    rules = case.policy.gates.robustness
    metric = case.metric(rules.metric)
    settings = msgspec.structs.replace(rules, metric=metric.name)
    look = case.spend(GATE, settings, rules.alpha, against=True)
    trial = Trial(case, metric, Contest.of(case, look))
    if fault := trial.fault():
        return _faulty(trial, fault)
    tried = list(trial.all())
    suspicions = [*trial.scalers(), *trial.smaller(), *trial.recorded()]
    remarks = [*trial.larger()]
    return Finding(
        gate=GATE,
        verdict="failed" if suspicions else worst(one.verdict for one in tried),
        sentence=suspicions[0]
        if suspicions
        else " ".join((_sentence(tried, metric), *remarks[:1])),
        figures={
            "metric": metric.name,
            "undisturbed": metric.of(trial.challenger),
            "suspicions": suspicions or "none",
            "remarks": remarks or "none",
            "disturbances": [_row(one) for one in tried],
        },
        plots=_plots(tried, metric),
        look=look.number,
        alpha=look.alpha,
        holdout=look.holdout,
    )


def _faulty(trial: Trial, fault: str) -> Finding:
    look = trial.contest.look
    return Finding(
        gate=GATE,
        verdict="failed",
        sentence=f"Its answers to the holdout as it is are no answers: {fault}.",
        look=look.number,
        alpha=look.alpha,
        holdout=look.holdout,
    )


def _sentence(tried: list[Tried], metric: Metric) -> str:
    verdict = worst(one.verdict for one in tried)
    if verdict == "passed":
        return _praise([one for one in tried if one.cost], metric)
    hit = [one for one in tried if one.verdict == verdict]
    first = next((one for one in hit if one.fault), hit[0])
    if first.fault:
        return f"Under {first.name} ({first.words}) it gives no answer: {first.fault}."
    what = "does harm" if verdict == "failed" else "may do harm"
    said = f"{first.name.capitalize()} ({first.words}) {what}"
    if first.name == UNDISTURBED:
        sure = "worse than" if verdict == "failed" else "not surely as good as"
        said = f"Even undisturbed it is {sure} the champion"
    return f"{said}: {_why(first, metric)}{_more(hit)}."


def _praise(disturbed: list[Tried], metric: Metric) -> str:
    if not disturbed:
        return "The signature has no input that any disturbance of the policy touches."
    most = min(disturbed, key=_lost)
    count = f"all {len(disturbed)} disturbances" if len(disturbed) > 1 else "the disturbance"
    return (
        f"{metric.name} holds under {count}; the worst, {most.name}, costs {0.0 - _lost(most):.4f}."
    )


def _more(hit: list[Tried]) -> str:
    return f"; so do {', '.join(one.name for one in hit[1:])}" if len(hit) > 1 else ""


def _why(one: Tried, metric: Metric) -> str:
    parts = {"itself undisturbed": one.cost, "the champion": one.beside}
    heavy = {who: part for who, part in parts.items() if part and part.verdict == one.verdict}
    who, found = next(iter(heavy.items()))
    if found.low is None:
        return f"{found.sentence}"
    return (
        f"{metric.name} {found.challenger:.4f} against {found.champion:.4f} of {who}"
        f" ({found.difference:+.4f}, {found.low:+.4f} to {found.high:+.4f}, margin"
        f" {found.margin:.4g})"
    )


def _lost(one: Tried) -> float:
    return (one.cost.difference if one.cost else None) or 0.0


def _row(one: Tried) -> dict[str, Any]:
    row: dict[str, Any] = {"disturbance": one.name, "what": one.words, "verdict": one.verdict}
    if one.fault:
        return row | {"fault": one.fault}
    if one.cost:
        row |= {
            "challenger": one.cost.challenger,
            "cost": _turned(one.cost.difference),
            "from": _turned(one.cost.high),
            "to": _turned(one.cost.low),
        }
    if one.beside:
        row |= {"challenger": one.beside.challenger, "champion": one.beside.champion}
    return row


def _turned(figure: float | None) -> float | None:
    return None if figure is None else 0.0 - figure  # never "-0"


def _plots(tried: list[Tried], metric: Metric) -> tuple[Intervals | Bars, ...]:
    own = [(one.name, one.cost) for one in tried if one.cost]
    other = [(one.name, one.beside) for one in tried if one.beside]
    plots: list[Intervals | Bars] = []
    for title, axis, found in (
        (
            f"What each disturbance does to {metric.name}",
            f"difference in {metric.name} from undisturbed, right is better",
            own,
        ),
        (
            "Challenger against champion, both disturbed alike",
            f"difference in {metric.name}, right is better",
            other,
        ),
    ):
        if found:
            plots.append(_forest(title, axis, found))
    return tuple(plots)


def _forest(title: str, axis: str, found: list[tuple[str, Comparison]]) -> Intervals:
    return Intervals(
        title=title,
        axis=axis,
        intervals=tuple(interval(name, one) for name, one in found),
        lines={"equal": 0.0, "margin": -found[0][1].margin},
        note="A line wholly to the right of the margin passes.",
    )
