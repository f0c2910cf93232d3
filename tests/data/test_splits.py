"""Splits: by row, by time, by group."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interlock.data import splits
from interlock.data.rows import Rows
from interlock.errors import ConfigurationError, EvidenceError
from interlock.evidence.splits import stratified

from .policies import written

SHARES = {"train": 0.6, "validation": 0.1, "test": 0.1, "holdout": 0.1, "staging": 0.1}


def rows(truth: Any, **more: Any) -> Rows:
    """Rows with this truth whose one feature is their number."""
    count = len(truth)
    features = {"x": np.arange(count, dtype=np.float32)[:, None]}
    return Rows(features=features, truth=np.asarray(truth), index=np.arange(count), **more)


def test_rows_of_classes_are_split_as_stratified_does() -> None:
    """By row, labels in their shares: the same rows as the plain function picks."""
    truth = np.array(["a"] * 70 + ["b"] * 30, object)
    parts = splits.split(rows(truth), written(splits="seed = 7"))
    expected = stratified(truth, SHARES, 7)
    assert {name: part.index.tolist() for name, part in parts.items()} == {
        name: found.tolist() for name, found in expected.items()
    }


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"truth": ["a", "b", "a"]}, ["a", "b", "a"]),
        ({"truth": [0, 1, 1]}, [0, 1, 1]),
        ({"truth": [0.5, 1.5, 2.5]}, [0, 0, 0]),
        ({"truth": list(range(60))}, [0] * 60),
        ({"truth": [[1.0, 2.0], [3.0, 4.0]]}, [0, 0]),
        ({"truth": [3, 5, 5], "event": np.array([True, False, True])}, [True, False, True]),
    ],
)
def test_what_is_stratified_by(facts: dict[str, Any], expected: list[Any]) -> None:
    """Labels are; amounts, forecasts and durations are not, but whether an end was seen is."""
    assert splits.classes(rows(**facts)).tolist() == expected


def test_parts_without_a_share_are_not_there() -> None:
    """A fraction of 0 makes no part."""
    policy = written(splits="train = 0.7\nvalidation = 0")
    assert list(splits.split(rows(["a"] * 10), policy)) == ["train", "test", "holdout", "staging"]


def test_parts_follow_each_other_in_time() -> None:
    """Whatever the order of the rows, nothing of a part is later than the part after it."""
    time = np.random.default_rng(0).permutation(100)
    policy = written(data='time = "t"', splits='by = "time"')
    parts = splits.split(rows(np.zeros(100), time=time), policy)
    assert [len(part) for part in parts.values()] == [60, 10, 10, 10, 10]
    found: list[Any] = [part.time for part in parts.values()]
    assert all(one.max() < other.min() for one, other in pairwise(found))


def test_rows_of_one_moment_stay_together() -> None:
    """Ties are never cut, even where that misses the share."""
    time = np.repeat([1, 2, 3, 4, 5], [50, 20, 10, 10, 10])
    parts = splits.by_time(time, SHARES)
    assert {name: set(time[found].tolist()) for name, found in parts.items()} == {
        "train": {1},
        "validation": {2},
        "test": {3},
        "holdout": {4},
        "staging": {5},
    }


def test_too_few_moments_are_refused() -> None:
    """Two moments cannot make five parts; the message says so."""
    with pytest.raises(EvidenceError, match=r"would be empty: 2 moments are too few"):
        splits.by_time(np.array([1, 1, 2, 2]), SHARES)


@settings(max_examples=60, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 30), min_size=5, max_size=60),
    seed=st.integers(0, 1000),
)
def test_groups_are_never_cut_and_every_row_has_one_place(sizes: list[int], seed: int) -> None:
    """However groups are sized, each is in one part, no part is empty, no row is lost."""
    group = np.repeat(np.arange(len(sizes)), sizes)
    labels = np.random.default_rng(seed).integers(0, 3, len(group))
    parts = splits.by_group(group, labels, SHARES, seed)
    assert np.sort(np.concatenate(list(parts.values()))).tolist() == list(range(len(group)))
    homes = [set(group[found].tolist()) for found in parts.values()]
    assert all(homes)
    assert sum(map(len, homes)) == len(sizes)


def test_groups_come_near_to_the_shares_class_by_class() -> None:
    """With many groups each part has its share of the rows and of the rare class."""
    random = np.random.default_rng(3)
    group = np.repeat(np.arange(200), random.integers(3, 12, 200))
    labels = np.where(np.isin(group, random.choice(200, 30, replace=False)), "rare", "common")
    parts = splits.by_group(group, labels, SHARES, seed=0)
    rare = (labels == "rare").sum()
    for name, share in SHARES.items():
        assert len(parts[name]) == pytest.approx(share * len(group), rel=0.1)
        assert (labels[parts[name]] == "rare").sum() == pytest.approx(share * rare, rel=0.35)


def test_a_seed_gives_the_same_groups_and_another_gives_others() -> None:
    """Splits by group can be had again."""
    group, labels = np.repeat(np.arange(50), 4), np.zeros(200)
    first, again, other = (splits.by_group(group, labels, SHARES, seed) for seed in (1, 1, 2))
    assert first["holdout"].tolist() == again["holdout"].tolist()
    assert first["holdout"].tolist() != other["holdout"].tolist()


def test_groups_of_the_policy_are_used() -> None:
    """`splits.by = "group"` splits by the column that the data name."""
    group = np.array([f"p{i}" for i in np.repeat(np.arange(20), 5)], object)
    policy = written(data='group = "who"', splits='by = "group"')
    parts = splits.split(rows(["a", "b"] * 50, group=group), policy)
    counted = Counter(name for part in parts.values() for name in set(np.asarray(part.group)))
    assert set(counted.values()) == {1}


def test_a_column_that_is_not_there_is_refused() -> None:
    """Rows without time cannot be split by it."""
    policy = written(data='time = "t"', splits='by = "time"')
    with pytest.raises(ConfigurationError, match=r"name it as data\.time"):
        splits.split(rows(["a"] * 10), policy)


@pytest.mark.parametrize("by", ["row", "group"])
def test_data_that_grow_move_nothing_where_a_hash_assigns(by: str) -> None:
    """Rows that come later, in front or between, leave every row in the part that it was in."""
    group = np.repeat([f"patient {number}" for number in range(300)], 3).astype(object)
    policy = written(data='group = "g"', splits=f'by = "{by}"\nassign = "hash"\nseed = 4')
    whole = rows(np.zeros(900), group=group)
    few = whole.take(np.random.default_rng(0).permutation(900)[:500])
    grown = {name: set(part.index.tolist()) for name, part in splits.split(whole, policy).items()}
    for name, part in splits.split(few, policy).items():
        assert set(part.index.tolist()) <= grown[name]
    for name, share in SHARES.items():
        assert len(grown[name]) == pytest.approx(900 * share, abs=60)


def test_a_hash_keeps_groups_and_twins_together_and_follows_the_seed() -> None:
    """A group is never cut, nor are rows of equal features; another seed is another split."""
    group = np.repeat(np.arange(100), 4)
    found = splits.by_hash({"group": group}, SHARES, 0)
    assert sum(len(set(group[rows].tolist())) for rows in found.values()) == 100
    other = splits.by_hash({"group": group}, SHARES, 1)
    assert other["train"].tolist() != found["train"].tolist()
    twins = np.repeat(np.arange(200.0), 2)
    parts = splits.by_hash({"x": twins}, SHARES, 0)
    assert sum(len(set(twins[rows].tolist())) for rows in parts.values()) == 200


def test_a_hash_that_leaves_a_part_empty_is_refused() -> None:
    """Four rows do not fill five parts; the message counts them."""
    with pytest.raises(EvidenceError, match="would be empty: 4 different rows are too few"):
        splits.split(rows(np.zeros(4)), written(splits='assign = "hash"'))


def test_a_class_that_a_part_lacks_is_warned_of() -> None:
    """By name, with its rows and the parts that have none of them."""
    truth = np.array(["a"] * 97 + ["rare"] * 3, object)
    told = r"^small classes: 'rare' has 3 rows and none in test, holdout, staging$"
    with pytest.warns(UserWarning, match=told):
        parts = splits.split(rows(truth), written())
    assert {name: int(np.sum(part.truth == "rare")) for name, part in parts.items()} == {
        "train": 2,
        "validation": 1,
        "test": 0,
        "holdout": 0,
        "staging": 0,
    }


def test_classes_too_small_to_share_out_are_named() -> None:
    """Twelve rows are enough for five parts, but not two of each class."""
    truth = np.repeat(["a", "b", "c", "d", "e", "f"], 2)
    with pytest.raises(EvidenceError, match=r"of 6 classes a has 2; b has 2; c has 2; and 3 more"):
        splits.split(rows(truth), written())


def test_few_rows_without_classes_are_simply_too_few() -> None:
    """Nothing is said of classes where there are none."""
    with pytest.raises(EvidenceError, match=r"6 rows are too few for it$"):
        splits.split(rows(np.arange(6) + 0.5), written())


def test_by_time_what_was_seen_never_comes_to_judge() -> None:
    """Rows that come later move the cuts on, so former training rows stay before the holdout."""
    policy = written(data='time = "t"', splits='by = "time"')
    whole = rows(np.zeros(500), time=np.arange(500))
    before = splits.split(whole.take(np.arange(300)), policy)
    after = splits.split(whole, policy)
    seen = {row for name in ("train", "validation", "test") for row in before[name].index.tolist()}
    judging = {row for name in ("holdout", "staging") for row in after[name].index.tolist()}
    assert seen
    assert judging
    assert not seen & judging
