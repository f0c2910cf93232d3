"""The simulation's own arithmetic; what it finds is tested beside the comparisons."""

from __future__ import annotations

import intervals
import msgspec
import numpy as np
from simulation import worlds
from simulation.worlds import Setting


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
        assert -0.5 < setting.world().difference(setting.metric) < 0


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
