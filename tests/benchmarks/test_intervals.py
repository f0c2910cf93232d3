"""The simulation's own arithmetic; what it finds is tested beside the comparisons."""

from __future__ import annotations

import intervals
import msgspec
import numpy as np
import pytest
from simulation import more, worlds
from simulation.worlds import Setting

from interlock.evidence.catalogue import metric


def test_a_setting_is_judged_by_both_kinds_of_error() -> None:
    """Too many false passes miss the bar, and so do too many false failures."""
    seen = intervals.look(Setting(worlds.nearly_perfect, "accuracy", 100), runs=20, resamples=100)
    quiet = msgspec.structs.replace(seen, passes=0.05, failures=0.05, error=0.01)
    assert quiet.met
    assert not msgspec.structs.replace(quiet, passes=0.09).met
    assert not msgspec.structs.replace(quiet, failures=0.09).met


def test_worlds_make_the_challenger_worse() -> None:
    """The truth that verdicts are held against is a loss in every world."""
    for setting in intervals.SETTINGS:
        assert -0.5 < setting.world().truth(setting) < 0


def test_the_challenger_alone_is_held_against_its_own_figure() -> None:
    """Turned round where lower is better, as limits are."""
    for setting in intervals.BOUNDS:
        known = metric(setting.metric)
        figure = known.of(setting.world().challenger)
        truth = setting.world().truth(setting)
        assert truth == pytest.approx(figure if known.better == "higher" else -figure)


def test_exact_limits_are_those_of_clopper_and_pearson() -> None:
    """46 of 50 is between 0.826 and 0.972 with 95% on either side; beyond them it is wrong."""
    for truth, wrong in ((0.82, (1.0, 0.0)), (0.83, (0.0, 0.0)), (0.98, (0.0, 1.0))):
        assert intervals.exact([0.92], 50, truth) == wrong


def test_rows_asked_for_are_told_beside_those_that_it_takes() -> None:
    """Where most studies decide at once, it takes no more rows than they have."""
    setting = Setting(worlds.numbers, "mae", 60)
    clear, close = (more.look(more.Question(setting, off), 20, 100) for off in (1.0, 0.1))
    assert clear.needed == 60
    assert clear.open < 0.5 < close.open
    assert close.needed > 60
    assert close.tenth <= close.half <= close.ninetieth


def test_a_study_of_patients_takes_all_their_rows() -> None:
    """A patient drawn twice counts as two."""
    world, random = worlds.patients(), np.random.default_rng(0)
    rows, group = world.study(50, random)
    assert group is not None
    assert world.group is not None
    assert len(np.unique(group)) == 50
    sizes = np.bincount(world.group)
    drawn = [world.group[rows[group == number]] for number in range(50)]
    assert all(len(set(one.tolist())) == 1 and len(one) == sizes[one[0]] for one in drawn)
