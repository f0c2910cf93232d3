"""How good discrete-time hazards are: figures for "when", where some ends were never seen.

`duration` holds the last whole step in which each row was watched, `event` whether the event came
in it. A row without event was seen through its last step and lost from sight after it; so events
of a step come before losses of the same step. `survival` is ``[rows, steps]``: the chance of no
event through each step. Durations beyond the last step count as seen through it without event.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from interlock.evidence import ranking

Floats: TypeAlias = NDArray[np.float64]
Whole: TypeAlias = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Months:
    """Predicted against observed, step by step (months, say); each array has one entry a step.

    `at_risk` rows entered the step without event and in sight, `events` of them met it there.
    `observed` is the share of all rows that the event reached through the step, by Kaplan and Meier
    (1958), so that lost rows do not count as spared; `predicted` is the mean of what the model said
    of it. `observed` is NaN once nobody is in sight any more.
    """

    at_risk: Whole
    events: Whole
    observed: Floats
    predicted: Floats


def months(duration: Whole, event: NDArray[np.bool_], survival: Floats) -> Months:
    """Calibration of the event share, step by step."""
    at_risk, events, _ = _table(duration, event, survival.shape[1])
    spared = np.cumprod(1 - _share(events, at_risk))
    known = (at_risk > 0) | (spared == 0)
    return Months(
        at_risk=at_risk,
        events=events,
        observed=np.where(known, 1 - spared, math.nan),
        predicted=1 - survival.mean(axis=0),
    )


def brier(duration: Whole, event: NDArray[np.bool_], survival: Floats) -> Floats:
    """Brier score of the survival through each step, ``[steps]``, between 0 and 1.

    Squared distance of the predicted survival from what was seen. Rows lost before the step are
    left out; the others are weighted by the inverse chance of being in sight still, estimated by
    Kaplan and Meier on the losses, so that those left stand for those lost: Graf, Schmoor,
    Sauerbrei and Schumacher, "Assessment and comparison of prognostic classification schemes for
    survival data" (1999). NaN for steps that nobody could be followed through.
    """
    steps = survival.shape[1]
    last, seen = _within(duration, event, steps)
    in_sight = _in_sight(*_table(duration, event, steps))
    step = np.arange(1, steps + 1)
    gone = seen[:, None] & (last[:, None] <= step)
    spared = (last - seen)[:, None] >= step
    weight = np.zeros(len(last))
    weight[seen] = 1 / in_sight[last[seen] - 1]
    missed = weight @ np.where(gone, survival**2, 0)
    feared = np.where(spared, (1 - survival) ** 2, 0).sum(axis=0)
    score = np.full(steps, math.nan)
    known = in_sight > 0
    score[known] = (missed[known] + feared[known] / in_sight[known]) / len(last)
    return score


def concordance(duration: Whole, event: NDArray[np.bool_], places: NDArray[Any]) -> float:
    """Chance that, of two rows, the one that met the event first was given the lower survival.

    The survivals compared are those through the step of that event; equal ones count one half:
    Antolini, Boracchi and Biganzoli, "A time-dependent discrimination index for survival data"
    (2005). Where the order of rows is the same in all steps, it is the index of Harrell et al.
    (1982). `places` are ``[rows, steps]``, the order of the survivals in each step. NaN when no
    pair of rows can be compared.
    """
    last, seen = _within(duration, event, places.shape[1])
    won, pairs = 0.0, 0
    for step in np.unique(last[seen]):
        met = seen & (last == step)
        spared = last - seen >= step
        compared = met | spared
        more, of = ranking.pairs(spared[compared], places[compared, step - 1])
        won, pairs = won + more, pairs + of
    return won / pairs if pairs else math.nan


def _within(
    duration: Whole, event: NDArray[np.bool_], steps: int
) -> tuple[Whole, NDArray[np.bool_]]:
    """`duration` and `event` as seen by somebody who stops watching after the last step."""
    return np.minimum(duration, steps), event & (duration <= steps)


def _table(duration: Whole, event: NDArray[np.bool_], steps: int) -> tuple[Whole, Whole, Whole]:
    """Rows at risk, events, and rows lost after it, for each step."""
    last, seen = _within(duration, event, steps)
    ended = np.bincount(last - 1, minlength=steps)
    events = np.bincount(last[seen] - 1, minlength=steps)
    at_risk = len(last) - np.cumsum(ended) + ended
    return at_risk, events, ended - events


def _in_sight(at_risk: Whole, events: Whole, lost: Whole) -> Floats:
    """Chance of not being lost before each step: Kaplan and Meier, with losses as the events."""
    kept = np.cumprod(1 - _share(lost, at_risk - events))
    return np.concatenate([[1.0], kept[:-1]])


def _share(part: Whole, whole: Whole) -> Floats:
    """`part` / `whole`, 0 of nothing."""
    return np.divide(part, whole, out=np.zeros(len(whole)), where=whole > 0)
