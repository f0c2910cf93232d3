"""The search for better parameters: tuned on validation, chosen on test."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import optuna
from optuna.trial import FrozenTrial, TrialState

from interlock.errors import EvidenceError
from interlock.evidence.scored import Scored
from interlock.train import fitted
from interlock.train.fitted import Fitted
from interlock.train.job import Job
from interlock.train.pruned import Pruned
from interlock.train.study import RAISED, Study

Heard = Callable[[FrozenTrial], object]


class Candidate(NamedTuple):
    """One of the best trials on validation, with the primary metric on both parts."""

    trial: int
    parameters: dict[str, Any]
    validation: float
    test: float


class Selected(NamedTuple):
    """The candidate that is best on test, its model, and all that were judged there."""

    fitted: Fitted
    trial: int
    candidates: list[Candidate]


def search(job: Job, study: Study, *, trials: int, timeout: float, heard: Heard) -> None:
    """Run trials until `trials` are finished, those of earlier attempts included.

    Parameters
    ----------
    timeout
        Seconds that all trials together may take; no new one begins after that. 0 is no limit.
    heard
        Called with each trial that has finished.

    Raises
    ------
    EvidenceError
        When the primary metric of a trial is not a number.
    """
    while len(study.finished()) < trials:
        if timeout and study.seconds() >= timeout:
            return
        heard(_try(job, study))


def _try(job: Job, study: Study) -> FrozenTrial:
    trial = study.ask()
    try:
        value = _value(job, job.space(trial), trial)
    except Pruned:
        return study.optuna.tell(trial, state=TrialState.PRUNED)
    except BaseException as error:
        # Also when a person stops the search: the trial is not left behind as running.
        if isinstance(error, Exception):
            trial.set_user_attr(RAISED, repr(error))
            error.add_note(
                f"This was trial {trial.number} with {trial.params}. The same command goes on"
                " with others; where parameters make no sense, fit can raise Pruned."
            )
        study.optuna.tell(trial, state=TrialState.FAIL)
        raise
    return study.optuna.tell(trial, value)


def _value(job: Job, parameters: dict[str, Any], trial: optuna.Trial) -> float:
    def report(step: int, value: float) -> None:
        trial.report(float(value), step)
        if trial.should_prune():
            raise Pruned

    model = job.fit(parameters, report)
    try:
        scored = job.score(model, job.signature(model), "validation")
    except EvidenceError as error:
        # Answers that are no numbers: this model diverged, others need not.
        raise Pruned from error
    return _figure(job, scored, "validation")


def _figure(job: Job, scored: Scored, part: str) -> float:
    """The primary metric of answers to one part."""
    value = job.metric.of(scored)
    if math.isfinite(value):
        return value
    raise EvidenceError(
        f"{job.metric.name} on {part} is {value}: the rows of {part} cannot tell it"
    )


def select(job: Job, study: Study, *, top: int, heard: Callable[[str], object]) -> Selected:
    """Fit the `top` best trials on validation again, judge them on test, and take the best there.

    Raises
    ------
    EvidenceError
        When no trial has a value.
    """
    best = study.best(top)
    if not best:
        raise EvidenceError("no trial came to a value, so there is nothing to select from")
    models, candidates = [], []
    for place, trial in enumerate(best, start=1):
        heard(f"judge {place} of {len(best)} on test")
        parameters = job.space(trial)
        model = job.fit(parameters)
        models.append(model)
        test = _figure(job, job.score(model, job.signature(model), "test"), "test")
        candidates.append(Candidate(trial.number, parameters, trial.value or 0.0, test))
    sign = 1 if job.metric.better == "higher" else -1
    # Of equal ones the first: it was the better one on validation.
    chosen = max(range(len(best)), key=lambda place: (sign * candidates[place].test, -place))
    winner = candidates[chosen]
    found = fitted.judge(job, models[chosen], job.bound(winner.parameters))
    return Selected(found, winner.trial, candidates)
