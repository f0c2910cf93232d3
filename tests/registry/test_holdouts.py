"""Which holdouts are one: by their different rows, whoever looked first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from interlock.registry.holdouts import Account, Holdout, account, roots, written

Hashes = Any


def known(holdout: str, rows: Sequence[int], day: int = 1, **values: Any) -> Holdout:
    """A holdout of these rows on record."""
    usual = {"account": holdout, "also": [], "columns": ["x"], "shared": 0.0}
    return Holdout(
        sequence=1,
        holdout=holdout,
        model="ecg",
        rows=written(np.array(rows, np.uint64)),
        actor="ann",
        moment=f"2026-01-{day:02}T00:00:00.000000Z",
        **{**usual, **values},
    )


def found(rows: Sequence[int], *before: Holdout) -> Account:
    """Whose looks those at a holdout `new` of these rows are; they have one column, `x`."""

    def hashed(columns: Sequence[str]) -> Hashes:
        return np.array(rows, np.uint64) if list(columns) == ["x"] else None

    return account("new", ["x"], hashed, before)


@pytest.mark.parametrize(
    ("rows", "shared"),
    [
        (range(99), 1.0),
        (range(49, 149), 0.51),
        ([*range(100), *[100] * 172], 1.0),
        (range(1000), 1.0),
        ([*range(6), *range(100, 105)], 6 / 11),
    ],
)
def test_who_shares_more_than_half_is_counted_with_it(rows: Sequence[int], shared: float) -> None:
    """Less a row, moved, with one new row copied, amid new ones, or a small part of it."""
    digest, much, also = found(rows, known("old", range(100)))
    assert (digest, also) == ("old", ())
    assert much == pytest.approx(shared)


def test_who_shares_half_or_less_begins_anew() -> None:
    """However often what is shared was copied; columns that are not there say nothing."""
    old = known("old", range(100))
    assert found(range(50, 150), old) == Account("new", 0.5)
    assert found([*[0] * 99, *range(100, 103)], old) == Account("new", 0.25)
    assert found(range(100), known("old", range(100), columns=["y"])) == Account("new", 0.0)
    assert found(range(100)) == Account("new", 0.0)


def test_who_shares_much_with_several_makes_one_of_them() -> None:
    """With the most of it first; one that shares little stays apart."""
    before = known("a", range(100)), known("b", range(200, 250)), known("c", range(300, 400))
    told = found([*range(90), *range(200, 250), *range(300, 310)], *before)
    assert (told.digest, told.also) == ("b", ("a",))


def test_pieces_of_several_are_no_new_holdout_either() -> None:
    """Where each has less than half of the rows, but together they have more."""
    before = known("a", range(100)), known("b", range(200, 300))
    told = found([*range(40), *range(200, 235), *range(500, 525)], *before)
    assert told == Account("a", 0.75)


def test_what_is_one_with_the_same_is_one() -> None:
    """Also afterwards: a third that shares much with two joins them, and all that joined those."""
    before = [
        known("a", range(9), 1),
        known("b", range(9), 2),
        known("c", range(9), 3, account="b"),
        known("d", range(9), 4, account="c"),
    ]
    assert roots(before) == {"a": "a", "b": "b", "c": "b", "d": "b"}
    joined = roots([known("e", range(9), 5, account="d", also=["a"]), *before])
    assert set(joined.values()) == {"b"}
    assert len(joined) == 5
