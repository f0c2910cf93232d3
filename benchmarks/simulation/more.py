"""How far off `more_rows` is: rows that a study asks for, beside those that it truly takes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import msgspec
import numpy as np

from interlock.evidence.catalogue import metric
from interlock.evidence.compare import Bound, Comparison, bound
from simulation import worlds
from simulation.worlds import Setting, World

MOST = 2**16
"""Rows of the largest study that is tried."""


@dataclass(frozen=True)
class Question:
    """A setting with the margin (or the bound) `off` the truth, on the side that passes."""

    setting: Setting
    off: float


class Asked(msgspec.Struct, frozen=True):
    """What studies of one question ask for, as multiples of the rows that half of them need."""

    world: str
    metric: str
    size: int
    open: float
    needed: int
    tenth: float
    half: float
    ninetieth: float


QUESTIONS = (
    Question(Setting(worlds.classes, "accuracy", 300), 0.02),
    Question(Setting(worlds.classes, "brier", 300), 0.02),
    Question(Setting(worlds.numbers, "mae", 100), 0.05),
    Question(Setting(worlds.classes, "f1_macro", 300, by_class=True), 0.1),
    Question(Setting(worlds.nearly_perfect, "accuracy", 100, alone=True), 0.02),
    Question(Setting(worlds.classes, "ece", 300, alone=True), 0.03),
)


def look(question: Question, runs: int, resamples: int) -> Asked:
    """Ask `runs` studies of the setting's size, and find how many rows would do."""
    setting = question.setting
    world, random = setting.world(), np.random.default_rng(9)
    studies = [judge(question, world, random, resamples) for _ in range(runs)]
    undecided = [one for one in studies if one.verdict == "inconclusive"]
    rows = needed(question, world, random, max(20, runs // 4), resamples)
    told = [math.inf if one.more_rows is None else one.rows + one.more_rows for one in undecided]
    tenth, half, ninetieth = _quantiles([one / rows for one in told])
    return Asked(
        world=setting.world.__name__.replace("_", " "),
        metric=setting.metric + (" alone" if setting.alone else ""),
        size=setting.size,
        open=len(undecided) / runs,
        needed=rows,
        tenth=tenth,
        half=half,
        ninetieth=ninetieth,
    )


def needed(
    question: Question, world: World, random: np.random.Generator, runs: int, resamples: int
) -> int:
    """Rows with which half of the studies decide, between sizes a quarter apart."""
    size = float(question.setting.size)
    while size < MOST:
        larger = replace(question, setting=replace(question.setting, size=round(size)))
        found = [judge(larger, world, random, resamples).verdict for _ in range(runs)]
        if sum(verdict != "inconclusive" for verdict in found) >= runs / 2:
            return round(size)
        size *= 1.25
    return MOST


def judge(
    question: Question, world: World, random: np.random.Generator, resamples: int
) -> Bound | Comparison:
    """One study."""
    setting, alpha = question.setting, 0.05
    if not setting.alone:
        margin = question.off - world.difference(setting.metric)
        return worlds.judge(setting, world, random, alpha=alpha, resamples=resamples, margin=margin)
    known = metric(setting.metric)
    sign = 1 if known.better == "higher" else -1
    limit = sign * (world.truth(setting) - question.off)
    rows, _ = world.study(setting.size, random)
    return bound(known, world.challenger.take(rows), limit=limit, alpha=alpha, resamples=resamples)


def _quantiles(told: Sequence[float]) -> tuple[float, float, float]:
    """The one that a tenth is below, the middle one, and the one that a tenth is above."""
    if not told:
        return math.nan, math.nan, math.nan
    ordered = sorted(told)
    tenth, half, ninetieth = (ordered[int(share * (len(ordered) - 1))] for share in (0.1, 0.5, 0.9))
    return tenth, half, ninetieth
