"""`champion`: the challenger against the champion on the same holdout rows.

When nothing is live yet, against the trivial baseline.
"""

from __future__ import annotations

import math
from typing import Any

import msgspec

from interlock.evidence import catalogue
from interlock.evidence.compare import Comparison
from interlock.evidence.scored import Scored
from interlock.gates import baseline
from interlock.gates.case import Case
from interlock.gates.contest import Contest, interval
from interlock.gates.finding import Bars, Finding, Intervals

GATE = "champion"


def check(case: Case) -> Finding:
    """Pay for a look at the holdout, then compare by the policy's metric and margin.

    Raises
    ------
    EvidenceError
        When the metric does not fit the model, or cannot be told from these rows.
    """
    rules = case.policy.gates.champion
    metric = case.metric(rules.metric)
    settings = msgspec.structs.replace(rules, metric=metric.name)
    look = case.spend(GATE, settings, rules.alpha, against=True)
    contest = Contest.of(case, look)
    challenger = case.score(case.challenger, contest.rows)
    opponent, champion = against(case, challenger)
    found = contest.compare(metric, challenger, champion, margin=rules.margin)
    return Finding(
        gate=GATE,
        verdict=found.verdict,
        sentence=f"Against {opponent}: {found.sentence}",
        figures={"against": opponent, **_figures(case, found, challenger, champion)},
        plots=_plots(found, opponent),
        look=look.number,
        alpha=look.alpha,
        holdout=look.holdout,
    )


def against(case: Case, challenger: Scored) -> tuple[str, Scored]:
    """Whom the challenger meets, and the answers of that one to the holdout."""
    if case.champion is None:
        trivial = baseline.scored(case, challenger)
        return f"the trivial baseline ({trivial.words})", trivial.scored
    answers = case.score(case.champion, case.holdout())
    return f"the champion, {case.champion.version}", answers


def _figures(case: Case, found: Comparison, challenger: Scored, champion: Scored) -> dict[str, Any]:
    told = msgspec.to_builtins(found)
    shown = {key: value for key, value in told.items() if key not in ("verdict", "sentence")}
    names = dict.fromkeys((*case.policy.metrics.also, *_plain_metrics(challenger)))
    others = [name for name in names if name != found.metric]
    return {**shown, "other metrics": [_pair(case, n, challenger, champion) for n in others]}


def _plain_metrics(challenger: Scored) -> tuple[str, ...]:
    names = catalogue.names(challenger.task)
    needs_scale = {"mase"} if challenger.scale is None else set()
    return tuple(name for name in names if ":" not in name and name not in needs_scale)


def _pair(case: Case, name: str, challenger: Scored, champion: Scored) -> dict[str, Any]:
    metric = case.metric(name)
    figures = {"challenger": metric.of(challenger), "champion": metric.of(champion)}
    told = {key: None if math.isnan(value) else value for key, value in figures.items()}
    return {"metric": name, **told, "better": metric.better}


def _plots(found: Comparison, opponent: str) -> tuple[Intervals, Bars]:
    title = f"{found.metric}: challenger against {opponent.partition(' (')[0]}"
    return (
        Intervals(
            title=title,
            axis=f"difference in {found.metric}, right is better",
            intervals=(interval("challenger", found),),
            lines={"equal": 0.0, **({"margin": -found.margin} if found.margin else {})},
            note=f"The line is the {1 - found.alpha:.2%} limit on either side; it has to lie"
            " wholly to the right of the margin to pass, wholly to the left to fail.",
        ),
        Bars(
            title=found.metric,
            axis=found.metric,
            labels=("challenger", opponent.partition(" (")[0]),
            series={found.metric: (found.challenger, found.champion)},
        ),
    )
