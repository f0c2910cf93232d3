"""Every row in exactly one split, every class in its share, the same ones every time."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from interlock.errors import EvidenceError
from interlock.evidence.splits import stratified

FRACTIONS = {"train": 0.5, "test": 0.3, "holdout": 0.2}

some_labels = st.lists(st.sampled_from("abc"), min_size=12, max_size=120)
some_fractions = st.lists(st.integers(1, 20), min_size=1, max_size=5)


@given(some_labels, some_fractions, st.integers(0, 2**32 - 1))
def test_every_row_is_in_exactly_one_split(
    labels: list[str], weights: list[int], seed: int
) -> None:
    """The splits together are all rows, none twice, and each class is within one of its share."""
    fractions = {str(i): weight / sum(weights) for i, weight in enumerate(weights)}
    assume(min(fractions.values()) * len(labels) >= 3)
    y = np.array(labels)
    splits = stratified(y, fractions, seed)
    assert list(splits) == list(fractions)
    assert sorted(np.concatenate(list(splits.values())).tolist()) == list(range(len(y)))
    for name, rows in splits.items():
        for label in "abc":
            share = fractions[name] * np.count_nonzero(y == label)
            found = np.count_nonzero(y[rows] == label)
            assert math.floor(share - 1e-9) <= found <= math.ceil(share + 1e-9)


def test_largest_remainder_gets_the_rows_left_over() -> None:
    """Of 24 rows the remainders .6, .4, .8, .8 and .4 go to the splits with the largest ones."""
    fractions = {"train": 0.4, "validation": 0.1, "test": 0.2, "holdout": 0.2, "staging": 0.1}
    splits = stratified(["x"] * 24, fractions, seed=0)
    assert [len(rows) for rows in splits.values()] == [10, 2, 5, 5, 2]


def test_same_seed_gives_the_same_rows_for_good() -> None:
    """A holdout stays the holdout: these very rows, whatever numpy is installed."""
    splits = stratified(list("aaaabbbbcc"), FRACTIONS, seed=7)
    assert {name: rows.tolist() for name, rows in splits.items()} == {
        "train": [1, 2, 5, 7, 9],
        "test": [0, 4, 8],
        "holdout": [3, 6],
    }


def test_another_seed_gives_other_rows() -> None:
    """The seed decides which rows are drawn."""
    labels = list("ab" * 50)
    one, two = (stratified(labels, FRACTIONS, seed)["holdout"] for seed in (1, 2))
    assert one.tolist() != two.tolist()


@pytest.mark.parametrize(
    ("fractions", "message"),
    [
        ({"train": 0.5, "test": 0.4}, "add up to 0.9, not 1"),
        ({}, "add up to 0, not 1"),
        ({"train": 1.5, "test": -0.5}, "'test': the fraction -0.5 is not above 0"),
        ({"train": 1.0, "test": 0.0}, "'test': the fraction 0.0 is not above 0"),
        ({"train": math.nan}, "'train': the fraction nan is not above 0"),
    ],
)
def test_fractions_that_cannot_be_kept_are_refused(
    fractions: dict[str, float], message: str
) -> None:
    """Fractions have to be positive and add up to one; the error says which do not."""
    with pytest.raises(EvidenceError, match=message):
        stratified(["a"] * 10, fractions, seed=0)


def test_split_without_rows_is_refused() -> None:
    """A split that would hold nothing is an error that names it."""
    with pytest.raises(EvidenceError, match="'test' would be empty: 2 rows are too few"):
        stratified(["a", "b"], FRACTIONS, seed=0)


def test_labels_that_are_no_column_are_refused() -> None:
    """No rows, or a table instead of one label a row, is an error that gives the shape."""
    with pytest.raises(EvidenceError, match=r"shape is \[0\]"):
        stratified([], FRACTIONS, seed=0)
    with pytest.raises(EvidenceError, match=r"shape is \[2, 1\]"):
        stratified([["a"], ["b"]], FRACTIONS, seed=0)


def test_seed_out_of_range_is_refused() -> None:
    """A seed that the generator cannot take is an error that says what it can."""
    with pytest.raises(EvidenceError, match="seed -1 is not between 0 and 4294967295"):
        stratified(["a"] * 10, FRACTIONS, seed=-1)
