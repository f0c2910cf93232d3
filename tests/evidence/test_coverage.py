"""Verdicts are wrong no more often than alpha allows, seen by simulation with a fixed seed.

Each study draws rows of a population whose true difference is known and puts the margin exactly
there, so that `passed` and `failed` are both wrong. Their shares must stay under alpha and three
Monte-Carlo errors. Studies here are few and use 199 resamples; `benchmarks/intervals.py` runs more.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from simulation import worlds
from simulation.worlds import Setting

ALPHA = 0.05
RESAMPLES = 199


def verdicts(setting: Setting, runs: int, *, off: float | None = None) -> list[str]:
    """Verdicts of studies, with the margin `off` the true difference (0 without)."""
    world, random = setting.world(), np.random.default_rng(11)
    margin = None if off is None else off - world.difference(setting.metric)
    return [
        worlds.judge(
            setting, world, random, alpha=ALPHA, resamples=RESAMPLES, margin=margin
        ).verdict
        for _ in range(runs)
    ]


def bar(runs: int) -> float:
    """Largest share of wrong verdicts that chance explains."""
    return ALPHA + 3 * math.sqrt(ALPHA * (1 - ALPHA) / runs)


@pytest.mark.parametrize(
    ("setting", "runs"),
    [
        (Setting(worlds.classes, "accuracy", 300), 600),
        (Setting(worlds.nearly_perfect, "accuracy", 100), 600),
        (Setting(worlds.classes, "brier", 300), 600),
        (Setting(worlds.numbers, "mae", 100), 600),
        (Setting(worlds.patients, "accuracy", 12), 600),
        (Setting(worlds.patients, "accuracy", 40), 600),
        (Setting(worlds.classes, "f1_macro", 300), 150),
        (Setting(worlds.patients, "f1_macro", 25), 100),
    ],
    ids=lambda value: f"{value.metric}-{value.size}" if isinstance(value, Setting) else "",
)
def test_false_verdicts_are_no_more_than_alpha(setting: Setting, runs: int) -> None:
    """Worse by exactly the margin neither passes nor fails more often than alpha."""
    seen = verdicts(setting, runs)
    assert seen.count("passed") / runs <= bar(runs)
    assert seen.count("failed") / runs <= bar(runs)


def test_overlooking_groups_passes_too_often() -> None:
    """Why groups are asked for: drawn as if rows were independent, limits are much too narrow."""
    seen = verdicts(Setting(worlds.patients, "accuracy", 40, grouped=False), 400)
    assert seen.count("passed") / 400 > bar(400)


@pytest.mark.parametrize(
    ("setting", "off", "verdict"),
    [
        (Setting(worlds.classes, "accuracy", 1000), 0.05, "passed"),
        (Setting(worlds.classes, "accuracy", 1000), -0.05, "failed"),
        (Setting(worlds.numbers, "mae", 300), 0.3, "passed"),
        (Setting(worlds.patients, "accuracy", 40), 0.15, "passed"),
        (Setting(worlds.classes, "f1_macro", 1000), 0.2, "passed"),
        (Setting(worlds.classes, "f1_macro", 1000), -0.2, "failed"),
    ],
)
def test_a_clear_gap_is_found(setting: Setting, off: float, verdict: str) -> None:
    """Caution has its limit: a margin far from the truth is decided in nine studies of ten."""
    assert verdicts(setting, 30, off=off).count(verdict) >= 27


def test_models_that_hardly_differ_stay_inconclusive_about_superiority() -> None:
    """Equal models pass "better" no more often than alpha, and mostly decide nothing."""
    world, random = worlds.classes(), np.random.default_rng(3)
    equal = worlds.World(world.champion, world.champion)
    setting = Setting(worlds.classes, "accuracy", 200)
    seen = [
        worlds.judge(setting, equal, random, alpha=ALPHA, resamples=RESAMPLES, margin=0.0)
        for _ in range(20)
    ]
    assert {study.verdict for study in seen} == {"inconclusive"}
