"""One more unit against the model, so that what luck kept out of the rows is not taken for absent.

Where two models answer all six rows of a rare class alike, resampling sees no difference there and
never will, yet six rows exclude little. So limits are also worked out on rows to which a unit (a
row, or a group of rows) is added that speaks against the challenger: of each class for classifiers,
of all rows otherwise. It is the unit in which the two differ most, with the worse answers given to
the challenger and the better ones to the champion. Where they differ nowhere, answers are made up:
wrong with certainty and right with certainty; for numbers, which have no such thing, the worst and
the best answer to any row are taken. The unit for the upper limit is the same, the other way round.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from interlock.evidence import bootstrap
from interlock.evidence.bootstrap import Floats, Plan, Whole
from interlock.evidence.scored import Scored

SAME = 1e-6
"""Losses that differ by no more than this share of the largest one are the same."""

FEW_GROUPS = 30
"""Fewer groups seldom show the worst that there is: an added one counts twice."""


@dataclass(frozen=True)
class Rows:
    """Rows answered by one model or by two, with the stratum and the group of each."""

    challenger: Scored
    champion: Scored | None
    strata: NDArray[Any] | None
    groups: NDArray[Any] | None


@dataclass(frozen=True)
class _Extra:
    """A unit to add: the rows whose strata it shares, and its answers by each model."""

    source: Whole
    challenger: Scored
    champion: Scored | None


def times(drawing: Plan) -> int:
    """How often the rows of an added unit count."""
    return 1 if drawing.members is None or drawing.units >= FEW_GROUPS else 2


def add(rows: Rows, *, favour: bool) -> Rows:
    """`rows` and the units against the challenger, or with `favour` the units for it."""
    find = _by_class if rows.challenger.task == "classification" else _of_all
    extras = list(find(rows, favour))
    sources = np.concatenate([extra.source for extra in extras])
    champions = [extra.champion for extra in extras if extra.champion is not None]
    return Rows(
        _stack(rows.challenger, *(extra.challenger for extra in extras)),
        None if rows.champion is None else _stack(rows.champion, *champions),
        None if rows.strata is None else np.concatenate([rows.strata, rows.strata[sources]]),
        None if rows.groups is None else _regrouped(rows.groups, extras),
    )


def _regrouped(groups: NDArray[Any], extras: list[_Extra]) -> Whole:
    """Numbers of the groups, the added units being groups of their own."""
    known, code = np.unique(groups, return_inverse=True)
    sizes = [len(extra.source) for extra in extras]
    return np.concatenate([code, len(known) + np.repeat(np.arange(len(extras)), sizes)])


def _by_class(rows: Rows, favour: bool) -> Iterator[_Extra]:
    """For each class that has rows, the unit that speaks most, or one made up."""
    challenger, champion = rows.challenger, rows.champion
    wrong = _wrong(challenger)
    notable = wrong != favour if champion is None else wrong != _wrong(champion)
    weight = _weight(rows, favour)
    for code in np.unique(challenger.codes):
        inside = challenger.codes == code
        if (inside & notable).any():
            yield _observed(rows, _unit(rows, weight, inside, inside & notable), favour)
        else:
            yield _made_up(rows, _unit(rows, inside * 1.0, inside, inside), favour)


def _of_all(rows: Rows, favour: bool) -> Iterator[_Extra]:
    """The unit that speaks most, or one made up where no row differs."""
    everywhere = np.ones(len(rows.challenger), bool)
    weight = _weight(rows, favour)
    unit = _unit(rows, weight, everywhere, everywhere)
    differs = np.abs(weight).max() > SAME * _loss(rows.challenger).max()
    if rows.champion is None or differs:
        yield _observed(rows, unit, favour)
    elif rows.challenger.task == "hazard":
        yield _extremes(unit, *_hazards(rows.challenger.take(unit)), favour)
    else:
        loss = _loss(rows.challenger)
        ends = [int(loss.argmax()), int(loss.argmin())]
        bad, good = (rows.challenger.take(np.repeat(end, len(unit))) for end in ends)
        yield _extremes(unit, bad, good, favour)


def _extremes(unit: Whole, bad: Scored, good: Scored, favour: bool) -> _Extra:
    return _Extra(unit, good, bad) if favour else _Extra(unit, bad, good)


def _hazards(unit: Scored) -> tuple[Scored, Scored]:
    """The unit, the event expected at the wrong moment for certain, and at the right one."""
    right = np.zeros_like(np.asarray(unit.values, np.float64))
    came = np.flatnonzero(np.asarray(unit.event, bool) & (unit.truth <= right.shape[1]))
    right[came, unit.truth[came].astype(np.int64) - 1] = 1
    wrong = np.zeros_like(right)
    wrong[right[:, 0] == 0, 0] = 1
    return replace(unit, values=wrong), replace(unit, values=right)


def _weight(rows: Rows, favour: bool) -> Floats:
    """What each row says: the difference of the two losses, or the only model's loss."""
    loss = _loss(rows.challenger)
    if rows.champion is not None:
        return loss - _loss(rows.champion)
    return loss.max() - loss if favour else loss


def _unit(rows: Rows, weight: Floats, inside: NDArray[np.bool_], notable: NDArray[Any]) -> Whole:
    """Rows `inside` of the heaviest unit with a `notable` row."""
    if rows.groups is None:
        candidates = np.flatnonzero(notable)
        return candidates[[int(np.abs(weight[candidates]).argmax())]]
    _, code = np.unique(rows.groups, return_inverse=True)
    sums = np.abs(np.bincount(code, weight * inside)) + 1e-12
    unit = int((sums * (np.bincount(code, notable) > 0)).argmax())
    drawing = bootstrap.plan(len(code), groups=code)
    return np.repeat(np.flatnonzero(inside & (code == unit)), times(drawing))


def _observed(rows: Rows, unit: Whole, favour: bool) -> _Extra:
    """The unit again, the worse of the two models' answers given to the challenger."""
    ours = rows.challenger.take(unit)
    if rows.champion is None:
        return _Extra(unit, ours, None)
    theirs = rows.champion.take(unit)
    ours_worse = _loss(ours).sum() >= _loss(theirs).sum()
    return _extremes(unit, *((ours, theirs) if ours_worse else (theirs, ours)), favour)


def _made_up(rows: Rows, unit: Whole, favour: bool) -> _Extra:
    """The unit, all of one class, answered wrongly with certainty, and rightly."""
    scored = rows.challenger
    code = int(scored.codes[unit[0]])
    counts = np.bincount(scored.codes, minlength=len(scored.labels or ()))
    counts[code] = -1
    wrong, right = (_certain(scored.take(unit), answer) for answer in (int(counts.argmax()), code))
    made = _extremes(unit, wrong, right, favour)
    return made if rows.champion is not None else replace(made, champion=None)


def _certain(scored: Scored, code: int) -> Scored:
    """The rows, all answered by one label for certain."""
    labels = scored.labels or ()
    answered = np.zeros((len(scored), len(labels)))
    answered[:, code] = 1
    return replace(
        scored,
        predicted=None if scored.predicted is None else np.repeat(labels[code], len(scored)),
        probabilities=None if scored.probabilities is None else answered,
    )


def _stack(first: Scored, *others: Scored) -> Scored:
    """All rows, one model's after the other's."""
    names = ("truth", "predicted", "probabilities", "values", "event")
    parts = {name: [getattr(scored, name) for scored in (first, *others)] for name in names}
    joined: dict[str, Any] = {
        name: np.concatenate(columns) if columns[0] is not None else None
        for name, columns in parts.items()
    }
    return replace(first, **joined)


def _wrong(scored: Scored) -> NDArray[np.bool_]:
    answers = scored.given.argmax(axis=1) if scored.predicted is None else scored.answers
    return np.asarray(answers != scored.codes)


def _loss(scored: Scored) -> Floats:
    """How badly each row is answered, as far as choosing among answers needs it."""
    return _LOSSES[scored.task](scored)


def _class_loss(scored: Scored) -> Floats:
    wrong = _wrong(scored).astype(np.float64)
    if scored.probabilities is None:
        return wrong
    return wrong + 1 - scored.given[np.arange(len(scored)), scored.codes]


def _number_loss(scored: Scored) -> Floats:
    distance = np.abs(scored.numbers.astype(np.float64) - scored.truth)
    return distance if distance.ndim == 1 else distance.mean(axis=1)


def _hazard_loss(scored: Scored) -> Floats:
    """Minus the logarithm of the chance that was given to what happened."""
    hazards = np.clip(np.asarray(scored.values, np.float64), 1e-9, 1 - 1e-9)
    last = np.minimum(scored.truth.astype(np.int64), hazards.shape[1]) - 1
    came = np.asarray(scored.event, bool) & (scored.truth <= hazards.shape[1])
    before = np.arange(hazards.shape[1]) <= last[:, None] - came[:, None]
    at_end = np.where(came, np.log(hazards[np.arange(len(scored)), last]), 0)
    loss: Floats = -(np.log1p(-hazards) * before).sum(axis=1) - at_end
    return loss


_LOSSES: dict[str, Callable[[Scored], Floats]] = {
    "classification": _class_loss,
    "regression": _number_loss,
    "forecast": _number_loss,
    "hazard": _hazard_loss,
}
