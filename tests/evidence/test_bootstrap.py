"""Plans of resampling, and limits from resamples, against scipy's."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from interlock.errors import EvidenceError
from interlock.evidence import bootstrap
from interlock.evidence.bootstrap import Draws, Plan, Whole


def draws(plan: Plan, resamples: int = 400) -> Draws:
    """So many resamples by this plan."""
    return Draws(plan, 0.05, resamples, np.random.default_rng(0))


def test_strata_keep_their_sizes_in_every_resample() -> None:
    """A class with two rows has two in each resample, and not always the same ones."""
    strata = np.array(["a"] * 8 + ["b"] * 2)
    plan, random = bootstrap.plan(10, strata), np.random.default_rng(0)
    drawn = [plan.draw(random) for _ in range(50)]
    assert {int(np.sum(strata[rows] == "b")) for rows in drawn} == {2}
    assert len({tuple(sorted(rows.tolist())) for rows in drawn}) > 10


def test_groups_are_drawn_whole() -> None:
    """All rows of a group come as often as each other."""
    groups = np.array([3, 1, 3, 2, 2, 2])
    plan, random = bootstrap.plan(6, groups=groups), np.random.default_rng(0)
    for _ in range(50):
        counts = np.bincount(plan.draw(random), minlength=6)
        assert counts[0] == counts[2]
        assert counts[3] == counts[4] == counts[5]
        assert counts[0] + counts[1] + counts[3] == 3


def test_strata_hold_for_groups_that_lie_in_them_and_not_for_others() -> None:
    """Patients of a site can be drawn by site; the classes of their beats cannot be kept."""
    groups = np.array([0, 0, 1, 1, 2, 2])
    sites = np.array(["x", "x", "x", "x", "y", "y"])
    beats = np.array(["n", "v", "n", "n", "v", "n"])
    assert [len(part) for part in bootstrap.plan(6, sites, groups).strata] == [2, 1]
    assert [len(part) for part in bootstrap.plan(6, beats, groups).strata] == [3]


def test_a_column_of_another_length_is_refused() -> None:
    """One stratum and one group a row."""
    with pytest.raises(EvidenceError, match=r"strata have the shape \[2\], not \[3\]"):
        bootstrap.plan(3, strata=np.array([1, 2]))


def test_limits_are_those_of_scipy() -> None:
    """Same method, same data: the same BCa interval but for the luck of resampling."""
    values = np.random.default_rng(1).lognormal(size=60)
    plan = bootstrap.plan(60)

    def skewness(rows: Whole) -> float:
        return float(stats.skew(values[rows]))

    everything = np.arange(60)
    figures = bootstrap.resample(skewness, draws(plan, 9999)).figures
    lean = bootstrap.acceleration(bootstrap.jackknife(skewness, plan))
    low, high = bootstrap.bca(skewness(everything), figures, lean, 0.05)
    expected = stats.bootstrap(
        (values,), stats.skew, n_resamples=9999, confidence_level=0.9, rng=np.random.default_rng(2)
    ).confidence_interval
    assert low == pytest.approx(expected.low, abs=0.06)
    assert high == pytest.approx(expected.high, abs=0.12)


def test_leaving_out_blocks_gives_nearly_the_acceleration_of_leaving_out_rows() -> None:
    """Thousands of rows are not left out one by one, and it hardly matters."""
    values = np.random.default_rng(1).exponential(size=3000)
    plan = bootstrap.plan(3000)
    blocks = bootstrap.jackknife(lambda rows: float(values[rows].mean()), plan)
    assert len(blocks[0]) == bootstrap.BLOCKS
    exact = stats.skew(values) / 6 / math.sqrt(3000)
    assert bootstrap.acceleration(blocks) == pytest.approx(exact, rel=0.5)


def test_a_figure_that_never_moves_has_no_acceleration() -> None:
    """Nothing to divide by is no error."""
    assert bootstrap.acceleration([np.ones(5)]) == 0
    assert bootstrap.acceleration([]) == 0


def test_resamples_without_a_figure_are_drawn_again_and_counted() -> None:
    """None is left out silently; where they are many, there is no figure at all."""
    plan = bootstrap.plan(10)

    def without(*missing: int) -> bootstrap.Resampled:
        return bootstrap.resample(
            lambda rows: math.nan if rows[0] in missing and rows[1] < 5 else 1.0, draws(plan)
        )

    some = without(3)
    assert len(some.figures) == 400
    assert 5 < some.redrawn < 40
    assert len(without(3, 4, 5, 6).figures) == 0


def test_limits_take_the_outer_resample() -> None:
    """Of 199 resamples, 9 lie under the lower limit and 9 over the upper one."""
    figures = np.arange(199.0)
    assert bootstrap.lower(figures, 0.05) == 9
    assert bootstrap.upper(figures, 0.05) == 189
    assert bootstrap.lower(figures, 1e-9) == 0
