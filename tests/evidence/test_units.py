"""Rows that hang together count once."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from interlock.evidence.units import by_key

ROWS = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 4), st.booleans()), max_size=40)


def test_later_intervals_of_a_key_say_nothing() -> None:
    """Only the interval in which a key first came has a say, whatever the order of the rows."""
    found = by_key(
        np.array(["b", "a", "a", "a"]), np.array([3, 2, 1, 1]), np.array([1.0, 1.0, 0.0, 1.0])
    )
    assert found.loss.tolist() == [0.5, 1.0]
    assert found.interval.tolist() == [1, 3]


@given(ROWS)
def test_every_key_counts_once(rows: list[tuple[int, int, bool]]) -> None:
    """As many units as keys, each with the mean over its earliest interval."""
    key = np.array([row[0] for row in rows], np.int64)
    interval = np.array([row[1] for row in rows], np.int64)
    loss = np.array([row[2] for row in rows], float)
    found = by_key(key, interval, loss)
    assert len(found.loss) == len(set(key.tolist()))
    for unit, name in enumerate(sorted(set(key.tolist()))):
        first = interval[key == name].min()
        assert found.interval[unit] == first
        assert found.loss[unit] == loss[(key == name) & (interval == first)].mean()
