"""Copies of rows: found by input and truth, and drawn as one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from interlock.data import copies
from interlock.data.rows import Rows

FRAME = pd.DataFrame({"x": [0.1, 0.1, 0.2, 0.1], "n": [1, 1, 2, 1], "id": [1, 2, 3, 4]})


def rows(frame: pd.DataFrame = FRAME, truth: Any = ("a", "a", "b", "b")) -> Rows:
    """Rows with these features."""
    return Rows(features=frame, truth=np.array(truth), index=np.arange(len(frame)))


def units(code: list[int], group: list[str]) -> list[int]:
    """What is drawn together, numbered in order."""
    found = copies.units(copies.Copies(np.array(code), len(set(code))), np.array(group))
    assert found is not None
    return [int(one) for one in np.unique(found, return_inverse=True)[1]]


def test_copies_have_the_same_input_and_the_same_truth() -> None:
    """What no model reads makes no row another; another truth does."""
    found = copies.find(rows(), ("x", "n"))
    assert (found.code[0] == found.code[1], found.code[0] == found.code[3]) == (True, False)
    assert (found.any, found.different) == (True, 3)
    assert not copies.find(rows(), ("x", "n", "id")).any
    assert not copies.find(rows(), ("input",)).any


def test_the_last_digits_make_no_row_another() -> None:
    """A copy that was written as a float32, or with a little noise, is a copy."""
    frame = pd.DataFrame({"x": [0.123456789, 0.123456791], "y": [2.5, 2.5000000001]})
    assert copies.find(rows(frame, ("a", "a")), ("x", "y")).different == 1


def test_without_copies_groups_are_what_they_were() -> None:
    """Each row by itself, or what the policy says."""
    found = copies.Copies(np.arange(3), 3)
    group = np.array(["p", "p", "q"])
    assert copies.units(found, None) is None
    assert copies.units(found, group) is group


def test_without_groups_copies_are_the_groups() -> None:
    """One unit for each row that differs."""
    found = copies.Copies(np.array([0, 1, 0, 2]), 3)
    assert copies.units(found, None) is found.code


def test_a_group_under_another_name_is_the_same_group() -> None:
    """All of its rows are copies, or most of them."""
    assert units([0, 1, 0, 1, 2], ["p", "p", "q", "q", "r"]) == [0, 0, 0, 0, 1]
    most = units([0, 1, 2, 0, 1, 3, 4], ["p", "p", "p", "q", "q", "q", "r"])
    assert most == [0, 0, 0, 0, 0, 0, 1]


def test_a_row_that_two_groups_happen_to_share_joins_nobody() -> None:
    """Two patients may well say the same once."""
    assert units([0, 1, 2, 0, 3, 4], ["p", "p", "p", "q", "q", "q"]) == [0, 0, 0, 1, 1, 1]


def test_thousands_of_copied_groups_are_joined_at_once() -> None:
    """Ten different rows under twenty thousand names are ten."""
    names = np.arange(20_000)
    found = copies.units(copies.Copies(names % 10, 10), names)
    assert found is not None
    assert len(np.unique(found)) == 10
