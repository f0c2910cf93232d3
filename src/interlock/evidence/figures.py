"""From scored answers to a figure: what the catalogue puts names to.

A `Figure` gives one number; `Rows` gives one number a row, whose mean is the metric. Functions that
take what follows the colon of a name (`Named`) return a figure.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from interlock.errors import EvidenceError
from interlock.evidence import calibration, classes, hazard, losses, ranking
from interlock.evidence.scored import Labels, Scored

Floats: TypeAlias = NDArray[np.float64]
Figure: TypeAlias = Callable[[Scored], float]
Rows: TypeAlias = Callable[[Scored], Floats]
Named: TypeAlias = Callable[[str], Figure]


def mean(rows: Rows) -> Figure:
    """The figure that is the mean of `rows`."""
    return lambda scored: float(np.mean(rows(scored)))


def right(scored: Scored) -> Floats:
    """1 for each row answered right, 0 for the others."""
    return scored.right.astype(np.float64)


def log_loss(scored: Scored) -> Floats:
    """Minus the logarithm of the probability given to each true label."""
    return losses.log_loss(scored.codes, scored.given)


def brier(scored: Scored) -> Floats:
    """Squared distance of each row's probabilities from the truth."""
    return losses.brier(scored.codes, scored.given)


def f1_macro(scored: Scored) -> float:
    """Mean F1 of the classes that are present or answered."""
    return classes.f1_macro(_table(scored))


def ece(scored: Scored) -> float:
    """Calibration error of the probability of the label that was answered."""
    return calibration.ece(scored.confidence, scored.right)


def by_class(figure: Callable[[classes.Counts], Floats]) -> Named:
    """`figure` of one class, out of the table of counts."""

    def named(label: str) -> Figure:
        return lambda scored: float(figure(_table(scored))[position(scored.labels, label)])

    return named


def over_classes(curve: Callable[[NDArray[np.bool_], Any], float]) -> Figure:
    """Mean of a ranking figure over the classes for which it is defined; NaN if for none."""

    def figure(scored: Scored) -> float:
        columns = enumerate(scored.ranks.T)
        each = [curve(scored.codes == code, places) for code, places in columns]
        known = [value for value in each if not math.isnan(value)]
        return math.fsum(known) / len(known) if known else math.nan

    return figure


def of_class(curve: Callable[[NDArray[np.bool_], Any], float]) -> Named:
    """A ranking figure of one class against all others."""

    def named(label: str) -> Figure:
        def figure(scored: Scored) -> float:
            code = position(scored.labels, label)
            return curve(scored.codes == code, scored.ranks[:, code])

        return figure

    return named


def recall_at_precision(argument: str) -> Figure:
    """`argument` is a label and a precision: ``r-on-t:0.9``."""
    label, _, precision = argument.rpartition(":")
    if not label:
        raise EvidenceError(f"recall_at_precision needs a label and a precision, not {argument!r}")
    least = share(precision)
    return of_class(partial(ranking.recall_at_precision, precision=least))(label)


def absolute(scored: Scored) -> Floats:
    """Distance of answer and truth; of a forecast, the mean over its steps."""
    return losses.absolute(scored.truth, scored.numbers)


def scaled(scored: Scored) -> Floats:
    """Absolute errors as multiples of the naive forecast's."""
    if scored.scale is None:
        raise EvidenceError("mase needs a scale: the naive forecast's error on training data")
    return absolute(scored) / scored.scale


def rmse(scored: Scored) -> float:
    """Root of the mean squared error, over all steps of a forecast."""
    distance = scored.numbers.astype(np.float64) - scored.truth
    return float(np.sqrt(np.mean(distance**2)))


def pinball(argument: str) -> Rows:
    """Loss of answers that are meant as the quantile `argument`."""
    quantile = share(argument)
    return lambda scored: losses.pinball(scored.truth, scored.numbers, quantile)


def concordance(scored: Scored) -> float:
    """Share of pairs of rows whose events the model put in order."""
    duration, event, _ = _ends(scored)
    return hazard.concordance(duration, event, scored.ranks)


def hazard_brier(scored: Scored) -> Floats:
    """Brier score of the survival, step by step."""
    return hazard.brier(*_ends(scored))


def hazard_calibration(scored: Scored) -> Floats:
    """Distance of predicted and observed event share, step by step."""
    found = hazard.months(*_ends(scored))
    return np.abs(found.predicted - found.observed)


def over_steps(by_step: Rows) -> Figure:
    """Mean over the steps for which it is known; the first one always is."""
    return lambda scored: float(np.nanmean(by_step(scored)))


def at_step(by_step: Rows) -> Named:
    """The figure of one step; steps count from 1."""

    def named(argument: str) -> Figure:
        step = _step(argument)

        def figure(scored: Scored) -> float:
            each = by_step(scored)
            if step > len(each):
                raise EvidenceError(f"there is no step {step}: the answers have {len(each)}")
            return float(each[step - 1])

        return figure

    return named


def position(labels: Labels | None, label: str) -> int:
    """Where `label` stands among `labels`; raises EvidenceError that lists them."""
    known = [str(one) for one in labels or ()]
    if label not in known:
        raise EvidenceError(f"no label is called {label!r}; the labels are {', '.join(known)}")
    return known.index(label)


def share(argument: str) -> float:
    """A number between 0 and 1, neither included; raises EvidenceError."""
    try:
        number = float(argument)
    except ValueError:
        number = math.nan
    if not 0 < number < 1:
        raise EvidenceError(f"{argument!r} is not a number between 0 and 1")
    return number


def _step(argument: str) -> int:
    if not (argument.isdecimal() and int(argument) > 0):
        raise EvidenceError(f"{argument!r} is not a step; steps count from 1")
    return int(argument)


def _table(scored: Scored) -> classes.Counts:
    return classes.table(scored.codes, scored.answers, len(scored.labels or ()))


def _ends(scored: Scored) -> tuple[Any, Any, Floats]:
    """Duration, event and survival, as `hazard` takes them."""
    survival = scored.survival
    return scored.truth.astype(np.int64), scored.event, survival
