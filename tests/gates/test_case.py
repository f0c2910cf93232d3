"""What gates are given, and that looks are paid for."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from interlock.errors import ConfigurationError, LeakageError
from interlock.evidence import spending
from interlock.registry import Registry
from tests.gates.conftest import MakeCase, Project, save, signals


def test_a_new_question_costs_more_and_the_same_one_nothing(make_case: MakeCase) -> None:
    """The number of a look follows from what is asked, not from how often."""
    case = make_case()
    first = case.spend("floor", {"bound": 0.8}, 0.05)
    second = case.spend("floor", {"bound": 0.7}, 0.05)
    assert (first.number, second.number) == (1, 2)
    assert case.spend("floor", {"bound": 0.8}, 0.05) == first
    assert second.alpha == spending.allowance(0.05, 2)
    assert case.spend("slices", {"bound": 0.8}, 0.05).number == 1


def test_another_challenger_is_another_look(make_case: MakeCase) -> None:
    """And another champion only where the gate compares with it."""
    one, other = make_case("1.0.1"), make_case("1.0.2")
    assert [case.spend("champion", "s", 0.05).number for case in (one, other)] == [1, 2]
    beside = make_case("1.0.1", "1.0.0")
    assert beside.spend("champion", "s", 0.05).number == 1
    assert beside.spend("champion", "s", 0.05, against=True).number == 3


def test_other_resamples_are_another_look(make_case: MakeCase) -> None:
    """Nobody draws again and again for nothing until a verdict on the edge turns."""
    case = make_case()
    again = make_case(more="[gates.champion]\nresamples = 2001\n")
    assert [one.spend("floor", "s", 0.05).number for one in (case, again)] == [1, 2]


def test_a_look_is_on_record_under_the_digest_of_the_rows(
    make_case: MakeCase, registry: Registry
) -> None:
    """What `model status` and the report count is what was seen."""
    case = make_case()
    look = case.spend("floor", "s", 0.05)
    assert look.holdout == case.holdout().digest
    assert [one.gate for one in registry.looks(look.holdout)] == ["floor"]


def test_without_rows_it_says_how_to_give_some(make_case: MakeCase, waves: Project) -> None:
    """The message names the key and the option."""
    bare = waves._replace(text='[model]\nname = "waves"\n')
    with pytest.raises(ConfigurationError, match=r"\[data\] source .* --holdout"):
        make_case(project=bare).holdout()


def test_a_file_takes_the_place_of_the_holdout(
    make_case: MakeCase, waves: Project, tmp_path: Path
) -> None:
    """With or without a source of all rows; new rows have another digest."""
    fresh = {name: values[:50] for name, values in signals().items()}
    fresh["beat"] = fresh["beat"] + np.float32(0.25)
    save(tmp_path / "fresh.npz", fresh)
    case = make_case(holdout_file=tmp_path / "fresh.npz")
    assert len(case.holdout()) == 50
    assert case.holdout().digest != make_case().holdout().digest
    drop = '[data]\ndrop = ["site", "age"]\n'
    alone = waves._replace(text=f'[model]\nname = "waves"\n{drop}')
    case = make_case(project=alone, holdout_file=tmp_path / "fresh.npz")
    assert len(case.holdout()) == 50
    assert case.training() is None


def test_a_holdout_file_with_training_rows_is_refused(
    make_case: MakeCase, waves: Project, tmp_path: Path
) -> None:
    """A file that leaks is no holdout."""
    shutil.copy(waves.folder / "waves.npz", tmp_path / "same.npz")
    with pytest.raises(LeakageError):
        make_case(holdout_file=tmp_path / "same.npz").holdout()
