"""Leaks: the same row, or rows of one group, on two sides."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from interlock.data import leakage
from interlock.data.rows import Rows
from interlock.errors import LeakageError


def part(features: Any, first: int, **more: Any) -> Rows:
    """A part whose rows begin at number `first` of the source."""
    count = len(next(iter(features.values())) if isinstance(features, dict) else features)
    return Rows(features=features, truth=np.zeros(count), index=np.arange(count) + first, **more)


def test_parts_that_share_nothing_pass() -> None:
    """Twins inside one part are allowed."""
    leakage.check(
        {
            "train": part(pd.DataFrame({"x": [1, 1, 2], "s": ["a", "a", "a"]}), 0),
            "test": part(pd.DataFrame({"x": [1, 3], "s": ["b", None]}), 3),
        }
    )


def test_a_row_on_both_sides_is_named_by_its_numbers_in_the_source() -> None:
    """The message gives both parts and both rows."""
    parts = {
        "train": part(pd.DataFrame({"x": [1.0, 2.0], "s": ["a", None]}), 10),
        "test": part(pd.DataFrame({"x": [5.0, 2.0], "s": ["a", None]}), 20),
    }
    with pytest.raises(LeakageError, match=r"1 rows of test .* row 11 of train is row 21 of test"):
        leakage.check(parts)


def test_tensors_are_compared_whole() -> None:
    """A beat that differs in one sample is another beat; an equal one is a leak."""
    beats = np.arange(12.0).reshape(3, 4)
    other = beats[:1] + np.array([0, 0, 0, 1e-6])
    leakage.check({"train": part({"beat": beats}, 0), "holdout": part({"beat": other}, 3)})
    with pytest.raises(LeakageError, match="row 2 of train is row 3 of holdout"):
        leakage.check({"train": part({"beat": beats}, 0), "holdout": part({"beat": beats[2:]}, 3)})


def test_files_that_read_a_column_in_another_way_hide_nothing() -> None:
    """Whole numbers that came as floats, and text that came as a category, are the same."""
    parts = {
        "train": part(pd.DataFrame({"x": [1, 2], "s": ["a", "b"]}), 0),
        "holdout": part(pd.DataFrame({"x": [2.0, 3.0], "s": pd.Categorical(["b", "c"])}), 0),
    }
    with pytest.raises(LeakageError, match="row 1 of train is row 0 of holdout"):
        leakage.check(parts)


def test_a_group_on_both_sides_is_named() -> None:
    """A patient in train and in staging is an error that says who."""
    parts = {
        "train": part(pd.DataFrame({"x": [1, 2]}), 0, group=np.array(["ann", "bob"], object)),
        "staging": part(pd.DataFrame({"x": [3, 4]}), 2, group=np.array(["bob", "eve"], object)),
    }
    with pytest.raises(LeakageError, match="1 groups are in train and in staging: 'bob'"):
        leakage.check(parts)


def test_many_twins_are_counted_and_three_are_named() -> None:
    """The message stays readable."""
    frame = pd.DataFrame({"x": range(50)})
    with pytest.raises(LeakageError, match=r"50 rows of test .* and 47 more\."):
        leakage.check({"train": part(frame, 0), "test": part(frame, 50)})


def test_long_identifiers_are_told_apart() -> None:
    """Whole numbers that one float stands for are different rows; the same one is a twin."""
    long = 2**60 + np.arange(100)
    parts = {"train": part(pd.DataFrame({"id": long[:50]}), 0)}
    leakage.check(parts | {"test": part(pd.DataFrame({"id": long[50:]}), 50)})
    with pytest.raises(LeakageError, match=r"1 rows of test .* row 49 of train is row 50 of test"):
        leakage.check(parts | {"test": part(pd.DataFrame({"id": long[49:50]}), 50)})


@pytest.mark.parametrize("other", [{"b": [4.0], "a": [2.0]}, {"a": [2.0], "b": [4.0], "c": [9.0]}])
def test_a_file_laid_out_differently_hides_nothing(other: dict[str, list[float]]) -> None:
    """The order of columns does not matter, nor one that the other part lacks."""
    train = part(pd.DataFrame({"a": [1.0, 2.0], "b": [3.0, 4.0]}), 0)
    with pytest.raises(LeakageError, match="row 1 of train is row 10 of holdout"):
        leakage.check({"train": train, "holdout": part(pd.DataFrame(other), 10)})


@pytest.mark.parametrize("table", [True, False])
def test_zero_is_zero_whatever_its_sign(table: bool) -> None:
    """Minus zero in one part is the zero of another."""

    def one(value: float, first: int) -> Rows:
        return part(pd.DataFrame({"x": [value]}) if table else {"x": np.array([[value]])}, first)

    with pytest.raises(LeakageError):
        leakage.check({"train": one(-0.0, 0), "holdout": one(0.0, 1)})


def test_parts_without_a_column_in_common_share_no_row() -> None:
    """Nothing can be compared, so nothing is called a leak."""
    one, other = part(pd.DataFrame({"a": [1]}), 0), part(pd.DataFrame({"b": [1]}), 1)
    leakage.check({"train": one, "holdout": other})
