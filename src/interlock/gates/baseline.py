"""The trivial baseline: what a model has to beat when nothing is live yet."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from interlock.data.baseline import trivial
from interlock.data.rows import Array, Rows
from interlock.evidence.scored import Scored
from interlock.gates.case import Case

Floats = NDArray[np.float64]
SEASONS = (1, 4, 7, 12, 24, 52)
"""Seasons tried for forecasts, in rows; 1 is the last value."""


class Baseline(NamedTuple):
    """What it answers, in words, and its answers."""

    words: str
    scored: Scored


def scored(case: Case, challenger: Scored) -> Baseline:
    """The baseline's answers to the holdout of `case`.

    It learns from the training rows. Without any it learns from the holdout itself, which makes it
    better than it ought to be, and so harder to beat.
    """
    rows = case.holdout()
    if challenger.task == "forecast":
        return forecast(case.before(), rows, challenger)
    known = case.training() or rows
    answers = trivial(known, rows, case.challenger.signature.output, scale=case.scale)
    return Baseline(_words(answers), answers)


def _words(answers: Scored) -> str:
    if answers.task == "hazard":
        return "the Kaplan-Meier hazard of each step, the same for all"
    if answers.predicted is None:
        return "always the same"
    if answers.task == "regression":
        return f"always the median, {answers.predicted[0]:.4g}"
    return f'always "{answers.predicted[0]}", with the share of each class as its probability'


def forecast(before: tuple[Rows, ...], rows: Rows, challenger: Scored) -> Baseline:
    """Last value, or the value a season ago: whichever did better in the rows `before`.

    Truth is ``[rows, steps]``; a row's first step is what the row after it knows.
    """
    series = _Series((*before, rows))
    start = sum(map(len, before))
    past = np.arange(start) if start else np.arange(len(rows))
    errors = {season: series.error(season, past) for season in SEASONS}
    season = min(errors, key=lambda one: errors[one])
    answers = Scored(
        truth=challenger.truth,
        values=series.naive(season)[start:],
        scale=challenger.scale,
    )
    words = "the last value seen" if season == 1 else f"the value {season} steps before"
    return Baseline(words, answers)


class _Series:
    """Rows in order of time, each group by itself: a row's first step is what the next one knows.

    Parameters
    ----------
    parts
        One after the other; answers come in the same order.
    """

    def __init__(self, parts: tuple[Rows, ...]) -> None:
        self.truth = np.concatenate([part.truth for part in parts]).astype(np.float64)
        size = len(self.truth)
        time = [part.time if part.time is not None else part.index for part in parts]
        group = [part.group if part.group is not None else np.zeros(len(part)) for part in parts]
        moments, members = np.concatenate(time), np.concatenate(group)
        names, member = np.unique(members, return_inverse=True)
        order = np.argsort(moments, kind="stable")
        self._lines = [order[member[order] == code] for code in range(len(names))]
        self._middle = np.median(self.truth, axis=0) if size else np.empty(0)

    def naive(self, season: int) -> Floats:
        """For each row and step, the latest value known that is whole seasons earlier."""
        steps = self.truth.shape[1]
        found = np.tile(self._middle, (len(self.truth), 1))
        back = np.arange(steps) - season * (np.arange(steps) // season + 1)
        for line in self._lines:
            place = np.arange(len(line))[:, None] + back
            values = self.truth[line, 0][np.maximum(place, 0)]
            found[line] = np.where(place >= 0, values, found[line])
        return found

    def error(self, season: int, rows: Array) -> float:
        """Mean absolute error on `rows`."""
        return float(np.mean(np.abs(self.naive(season)[rows] - self.truth[rows])))
