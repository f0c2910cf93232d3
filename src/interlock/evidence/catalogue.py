"""Every metric by its name: the names that a policy, a gate and a report use.

A metric is worked out from `Scored` answers. Names with a colon carry what they are about:
``recall:LABEL``, ``recall_at_precision:LABEL:0.9``, ``pinball:0.9``, ``hazard_brier:12``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from interlock.errors import EvidenceError
from interlock.evidence import classes, figures, ranking
from interlock.evidence.scored import Labels, Task
from interlock.signature import Classes, Output, Value

Better: TypeAlias = Literal["higher", "lower"]


@dataclass(frozen=True)
class Metric:
    """One way to judge answers.

    Parameters
    ----------
    name
        As the policy has it.
    tasks
        What the metric can judge; it raises EvidenceError for others.
    better
        Whether higher or lower figures are better.
    range
        Largest possible figure minus the smallest; None where there is no largest.
    of
        The figure. NaN where the rows cannot tell it, such as the recall of a class without rows.
    rows
        One number a row, whose mean is the figure; None where the figure is no mean.
    """

    name: str
    tasks: tuple[Task, ...]
    better: Better
    range: float | None
    of: figures.Figure
    rows: figures.Rows | None = None


def metric(name: str, labels: Labels | None = None) -> Metric:
    """The metric called `name`; with `labels`, one for exactly these classes.

    Raises
    ------
    EvidenceError
        When there is none of that name, or what follows its colon is not one of `labels`, a share
        between 0 and 1, or a step; the message lists what there is.

    Examples
    --------
    >>> found = metric("recall:r-on-t")
    >>> found.better, found.range
    ('higher', 1.0)
    """
    head, _, argument = name.partition(":")
    family = _FAMILIES.get(head)
    if name in _PLAIN:
        found = _PLAIN[name]
    elif family and argument:
        found = _member(family, name, argument, labels)
    else:
        raise EvidenceError(f"no metric is called {name!r}; there are {', '.join(names())}")
    # The score of two classes is halved: see `losses.brier`.
    if name == "brier" and labels is not None and len(labels) == 2:
        return replace(found, range=1.0)
    return found


def names(task: Task | None = None, labels: Labels | None = None) -> tuple[str, ...]:
    """Names of the metrics for a task (for all, without one), spelled out for each of `labels`.

    >>> names("regression")
    ('mae', 'rmse', 'mase', 'pinball:QUANTILE')
    >>> names("classification", ("no", "yes"))[-4:]
    ('roc_auc:no', 'roc_auc:yes', 'pr_auc:no', 'pr_auc:yes')
    """
    plain = [name for name, known in _PLAIN.items() if task is None or task in known.tasks]
    families = [
        spelled
        for head, family in _FAMILIES.items()
        if task is None or task in family.tasks
        for spelled in _spelled(head, family, labels)
    ]
    return (*plain, *families)


def of_task(output: Output, *, event: bool = False) -> Task:
    """What kind of question a model with this output answers.

    A vector is a forecast, one number a step; with `event`, which says that the data tell whether
    the end of each duration was seen, its numbers are hazards.
    """
    match output:
        case Classes():
            return "classification"
        case Value():
            return "regression"
        case _:
            return "hazard" if event else "forecast"


def default_metric(output: Output, *, event: bool = False) -> str:
    """Name of the metric that judges a model where the policy names none."""
    return _DEFAULTS[of_task(output, event=event)]


_DEFAULTS: dict[Task, str] = {
    "classification": "f1_macro",
    "regression": "mae",
    "forecast": "mae",
    "hazard": "hazard_brier",
}


@dataclass(frozen=True)
class _Family:
    """Metrics of one name and a word after the colon; `about` says what that word stands for."""

    about: str
    tasks: tuple[Task, ...]
    better: Better
    range: float | None
    of: figures.Named
    rows: Callable[[str], figures.Rows] | None = None


_CLASSES: tuple[Task, ...] = ("classification",)
_NUMBERS: tuple[Task, ...] = ("regression", "forecast")
_HAZARDS: tuple[Task, ...] = ("hazard",)


def _mean(
    name: str, tasks: tuple[Task, ...], better: Better, largest: float | None, rows: figures.Rows
) -> Metric:
    return Metric(name, tasks, better, largest, figures.mean(rows), rows)


_PLAIN = {
    known.name: known
    for known in (
        _mean("accuracy", _CLASSES, "higher", 1.0, figures.right),
        Metric("f1_macro", _CLASSES, "higher", 1.0, figures.f1_macro),
        Metric("roc_auc", _CLASSES, "higher", 1.0, figures.over_classes(ranking.roc_auc)),
        Metric("pr_auc", _CLASSES, "higher", 1.0, figures.over_classes(ranking.pr_auc)),
        _mean("brier", _CLASSES, "lower", 2.0, figures.brier),
        _mean("log_loss", _CLASSES, "lower", None, figures.log_loss),
        Metric("ece", _CLASSES, "lower", 1.0, figures.ece),
        _mean("mae", _NUMBERS, "lower", None, figures.absolute),
        Metric("rmse", _NUMBERS, "lower", None, figures.rmse),
        _mean("mase", _NUMBERS, "lower", None, figures.scaled),
        Metric("hazard_brier", _HAZARDS, "lower", 1.0, figures.over_steps(figures.hazard_brier)),
        Metric("concordance", _HAZARDS, "higher", 1.0, figures.concordance),
        Metric(
            "hazard_calibration",
            _HAZARDS,
            "lower",
            1.0,
            figures.over_steps(figures.hazard_calibration),
        ),
    )
}

_FAMILIES = {
    "recall": _Family("LABEL", _CLASSES, "higher", 1.0, figures.by_class(classes.recall)),
    "precision": _Family("LABEL", _CLASSES, "higher", 1.0, figures.by_class(classes.precision)),
    "f1": _Family("LABEL", _CLASSES, "higher", 1.0, figures.by_class(classes.f1)),
    "recall_at_precision": _Family(
        "LABEL:PRECISION", _CLASSES, "higher", 1.0, figures.recall_at_precision
    ),
    "roc_auc": _Family("LABEL", _CLASSES, "higher", 1.0, figures.of_class(ranking.roc_auc)),
    "pr_auc": _Family("LABEL", _CLASSES, "higher", 1.0, figures.of_class(ranking.pr_auc)),
    "pinball": _Family(
        "QUANTILE",
        _NUMBERS,
        "lower",
        None,
        lambda argument: figures.mean(figures.pinball(argument)),
        figures.pinball,
    ),
    "hazard_brier": _Family("STEP", _HAZARDS, "lower", 1.0, figures.at_step(figures.hazard_brier)),
    "hazard_calibration": _Family(
        "STEP", _HAZARDS, "lower", 1.0, figures.at_step(figures.hazard_calibration)
    ),
}


def _member(family: _Family, name: str, argument: str, labels: Labels | None) -> Metric:
    try:
        if labels is not None and family.about.startswith("LABEL"):
            label = argument.rpartition(":")[0] if ":" in family.about else argument
            figures.position(labels, label)
        of, rows = family.of(argument), family.rows and family.rows(argument)
    except EvidenceError as error:
        raise EvidenceError(f"metric {name!r}: {error}") from None
    return Metric(name, family.tasks, family.better, family.range, of, rows)


def _spelled(head: str, family: _Family, labels: Labels | None) -> tuple[str, ...]:
    """The names of a family, one for each label where they are known."""
    name = f"{head}:{family.about}"
    if labels is None or "LABEL" not in family.about:
        return (name,)
    return tuple(name.replace("LABEL", str(label)) for label in labels)
