"""The unit that is added against a model."""

from __future__ import annotations

import numpy as np

from interlock.evidence import adversary
from interlock.evidence.adversary import Rows
from interlock.evidence.scored import Scored

LABELS = ("a", "b")


def scored(truth: str, predicted: str) -> Scored:
    """Rows of single-letter labels."""
    return Scored(truth=np.array([*truth]), labels=LABELS, predicted=np.array([*predicted]))


def added(rows: Rows, *, favour: bool = False) -> tuple[list[str], list[str], list[str]]:
    """Truth, the challenger's and the champion's answers to the added rows."""
    more = adversary.add(rows, favour=favour)
    known = len(rows.challenger)
    assert more.champion is not None
    parts = (more.challenger.truth, more.challenger.predicted, more.champion.predicted)
    truth, ours, theirs = ([] if part is None else part[known:].tolist() for part in parts)
    return truth, ours, theirs


def test_each_class_gets_a_row_that_only_the_champion_answers_right() -> None:
    """Seen in class a, made up in class b, where the models never differ."""
    rows = Rows(scored("aaabb", "aabbb"), scored("aaabb", "abbbb"), None, None)
    assert added(rows) == (["a", "b"], ["b", "a"], ["a", "b"])


def test_favour_turns_it_round() -> None:
    """For the upper limit only the challenger is right."""
    rows = Rows(scored("aaabb", "aabbb"), scored("aaabb", "abbbb"), None, None)
    assert added(rows, favour=True) == (["a", "b"], ["a", "b"], ["b", "a"])


def test_an_added_group_is_one_of_its_own_in_the_stratum_of_its_rows() -> None:
    """Few groups count twice; the group that differs most is taken."""
    groups = np.repeat(np.arange(12), 2)
    strata = np.repeat(["x", "y"], 12)
    truth = "a" * 24
    rows = Rows(scored(truth, "a" * 22 + "bb"), scored(truth, truth), strata, groups)
    more = adversary.add(rows, favour=False)
    assert more.groups is not None
    assert more.strata is not None
    assert more.groups[24:].tolist() == [12] * 4
    assert more.strata[24:].tolist() == ["y"] * 4
    assert added(rows)[1:] == (["b"] * 4, ["a"] * 4)


def test_numbers_get_the_row_that_differs_most() -> None:
    """Whoever was better there, the worse answer is the challenger's."""
    truth = np.zeros(3)
    ours = Scored(truth=truth, predicted=np.array([1.0, 2.0, 0.5]))
    theirs = Scored(truth=truth, predicted=np.array([1.0, 5.0, 0.0]))
    more = adversary.add(Rows(ours, theirs, None, None), favour=False)
    assert more.champion is not None
    assert more.challenger.numbers[3:].tolist() == [5.0]
    assert more.champion.numbers[3:].tolist() == [2.0]


def test_a_single_model_gets_its_worst_row_again_or_for_the_upper_limit_its_best() -> None:
    """Bounds have no champion to be compared with."""
    ours = Scored(truth=np.zeros(3), predicted=np.array([1.0, 2.0, 0.5]))
    rows = Rows(ours, None, None, None)
    assert adversary.add(rows, favour=False).challenger.numbers[3:].tolist() == [2.0]
    assert adversary.add(rows, favour=True).challenger.numbers[3:].tolist() == [0.5]
