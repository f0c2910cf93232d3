"""A fitted model and how good it is, beside the trivial answer."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, TypeAlias

from interlock.data.baseline import trivial
from interlock.evidence import metrics
from interlock.evidence.catalogue import metric
from interlock.evidence.scored import Scored, Task
from interlock.signature.schema import Signature
from interlock.train.job import Job, Parameters

Figures: TypeAlias = dict[str, dict[str, float]]
"""By part, then by name."""

JUDGED = ("train", "validation", "test")
"""Parts that fit or choose a model, and that figures are shown of. The holdouts are for gates:
looking at one has a price."""

_USUAL: dict[Task, tuple[str, ...]] = {
    "classification": (),
    "regression": ("mae", "rmse"),
    "forecast": ("mae", "rmse"),
    "hazard": ("hazard_brier", "concordance"),
}


@dataclass(frozen=True)
class Fitted:
    """A model, what it takes and answers, the parameters it was fitted with, and its figures.

    `baseline` has the figures of the trivial answer on the same parts. `names` are the metrics
    that a person is shown, the one that decides first.
    """

    model: Any
    signature: Signature
    parameters: dict[str, Any]
    figures: Figures
    baseline: Figures
    names: tuple[str, ...]

    def table(self) -> list[dict[str, str]]:
        """A line for each metric: every part, then the trivial answer on the last of them."""
        last = list(self.figures)[-1]
        return [
            {
                "metric": name,
                **{part: _words(found.get(name)) for part, found in self.figures.items()},
                f"baseline on {last}": _words(self.baseline[last].get(name)),
            }
            for name in self.names
        ]


def fit(job: Job, parameters: Parameters) -> Fitted:
    """Fit with `parameters`, and judge on train, validation and test."""
    used = job.bound(parameters)
    return judge(job, job.fit(parameters), used)


def judge(job: Job, model: Any, parameters: dict[str, Any]) -> Fitted:
    """The figures of `model` and of the trivial answer."""
    signature = job.signature(model)
    wanted = (job.primary(signature).name, *job.policy.metrics.also)
    train, output = job.parts["train"], signature.output
    figures, baseline = {}, {}
    for part in (part for part in JUDGED if part in job.parts):
        same = trivial(train, job.parts[part], output, scale=job.scale)
        figures[part] = _figures(job.score(model, signature, part), wanted)
        baseline[part] = _figures(same, wanted)
    usual = ("accuracy",) if hasattr(output, "labels") else ()
    names = tuple(dict.fromkeys((*wanted, *usual)))
    return Fitted(model, signature, parameters, figures, baseline, names)


def _figures(scored: Scored, names: tuple[str, ...]) -> dict[str, float]:
    """The usual figures of the task and those in `names`, but none that the rows cannot tell."""
    found = {"rows": float(len(scored))}
    if scored.labels is not None and scored.predicted is not None:
        found = metrics.classification(scored.labels, scored.truth, scored.predicted, scored.given)
    for name in (*_USUAL[scored.task], *names):
        found[name] = metric(name).of(scored)
    return {name: value for name, value in found.items() if math.isfinite(value)}


def _words(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"
