"""`calibration`: probabilities mean what they say, within the policy's limit."""

from __future__ import annotations

import msgspec
import numpy as np

from interlock.evidence import calibration as bins
from interlock.evidence.catalogue import Metric
from interlock.evidence.compare import Bound
from interlock.evidence.scored import Scored
from interlock.gates.case import Case
from interlock.gates.contest import Contest
from interlock.gates.finding import Curve, Finding, Interval, Intervals, Reliability
from interlock.signature.schema import Vector

GATE = "calibration"


def check(case: Case) -> Finding:
    """Hold the challenger's calibration error against the limit, and show the champion's beside it.

    A model that answers numbers makes no claim to hold, and passes.
    """
    rules = case.policy.gates.calibration
    name = rules.metric or _default(case)
    if not name:
        sentence = "The model answers no probabilities that could be wrong about themselves."
        return Finding(gate=GATE, verdict="passed", sentence=sentence)
    metric = case.metric(name)
    settings = msgspec.structs.replace(rules, metric=metric.name)
    look = case.spend(GATE, settings, rules.alpha)
    contest = Contest.of(case, look)
    models = {"challenger": case.score(case.challenger, contest.rows)}
    if case.champion is not None:
        models["champion"] = case.score(case.champion, contest.rows)
    found = {who: contest.bound(metric, one, limit=rules.limit) for who, one in models.items()}
    return Finding(
        gate=GATE,
        verdict=found["challenger"].verdict,
        sentence=found["challenger"].sentence,
        figures={
            "limit": rules.limit,
            "calibration": [
                {"model": who, "metric": one.metric, "error": one.figure, "to": one.high}
                for who, one in found.items()
            ],
        },
        plots=(_intervals(metric, found, rules.limit), *_diagram(models)),
        look=look.number,
        alpha=look.alpha,
        holdout=look.holdout,
    )


def _default(case: Case) -> str:
    output = case.challenger.signature.output
    if case.task == "hazard" and isinstance(output, Vector):
        return f"hazard_calibration:{len(output.steps)}"
    return "ece" if case.task == "classification" else ""


def _intervals(metric: Metric, found: dict[str, Bound], limit: float) -> Intervals:
    return Intervals(
        title="Calibration error",
        axis=f"{metric.name}, left is better",
        intervals=tuple(
            Interval(label=who, point=one.figure, low=one.low, high=one.high, verdict=one.verdict)
            for who, one in found.items()
        ),
        lines={"limit": limit},
        note="The whole line has to be to the left of the limit.",
    )


def _diagram(models: dict[str, Scored]) -> tuple[Reliability, ...]:
    if any(one.probabilities is None for one in models.values()):
        return ()
    return (
        Reliability(
            title="Reliability",
            curves=tuple(_curve(who, one) for who, one in models.items()),
            note="Of the answers given with a confidence of 0.8, eight in ten should be right."
            " Below the diagonal a model is surer than it should be. Large dots have many rows.",
        ),
    )


def _curve(who: str, scored: Scored) -> Curve:
    confidence = scored.given[np.arange(len(scored)), scored.answers]
    seen = bins.reliability(confidence, scored.codes == scored.answers, bins=10)
    return Curve(
        name=who,
        confidence=tuple(seen.said.tolist()),
        share=tuple(seen.seen.tolist()),
        rows=tuple(seen.rows.tolist()),
    )
