"""Succession: what a rollback goes back to, from the history alone."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interlock.errors import UnknownError
from interlock.registry.entry import Entry
from interlock.registry.succession import current, previous, turn


def entry(number: int | None, move: str = "promotion", **values: Any) -> Entry:
    """The champion goes to a version."""
    usual: dict[str, Any] = {
        "event": "moved",
        "alias": "champion",
        "version": f"1.{number}.0" if number else None,
        "digest": f"sha256:{number}" if number else None,
        "actor": "ann",
        "reason": "why not",
    }
    return Entry(
        name="ecg",
        sequence=1,
        number=number,
        since="2026-01-01",
        moment="2026-01-01",
        move=move,  # type: ignore[arg-type]
        **{**usual, **values},
    )


def back(number: int) -> Entry:
    """A rollback to a version."""
    return entry(number, "rollback")


def numbers(entries: list[Entry]) -> list[int | None]:
    """Where rolling back again and again leads."""
    there: list[int | None] = []
    while (found := previous(entries)) is not None:
        there.append(found.number)
        entries = [*entries, back(found.number or 0)]
    return there


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        ([], []),
        ([entry(1)], []),
        ([entry(1), entry(2)], [1]),
        ([entry(1), entry(2), entry(3)], [2, 1]),
        # What was rolled back from is no place to go back to …
        ([entry(1), entry(2), back(1), entry(3)], [1]),
        ([entry(1), entry(2), entry(3), back(2), entry(4)], [2, 1]),
        ([entry(2), entry(1), entry(2), back(1)], []),
        # … unless somebody has put it there again since.
        ([entry(1), entry(2), back(1), entry(2), entry(3)], [2, 1]),
        ([entry(1), entry(2), entry(1)], [2]),
        # The champion that was taken away and put back is not its own predecessor.
        ([entry(1), entry(2), entry(None), entry(2)], [1]),
        ([entry(1), entry(None), entry(2)], [1]),
    ],
)
def test_a_rollback_goes_to_the_champion_before(
    entries: list[Entry], expected: list[int | None]
) -> None:
    """And further back each time, until there is nothing left."""
    assert numbers(entries) == expected


def test_other_aliases_and_mere_intentions_crown_nobody() -> None:
    """Only where the champion really was counts."""
    entries = [
        entry(1),
        entry(2, alias="staging"),
        entry(3, event="intended"),
        entry(3, event="abandoned"),
        entry(4),
    ]
    assert numbers(entries) == [1]


def test_versions_of_others_are_passed_over() -> None:
    """What Interlock did not register cannot be served; what is champion now may be such a one."""
    foreign: dict[str, Any] = {"event": "noticed", "version": None, "digest": None, "actor": None}
    assert numbers([entry(1), entry(7, **foreign), entry(2)]) == [1]
    assert numbers([entry(1), entry(2), entry(7, **foreign)]) == [2, 1]


def test_a_package_that_was_registered_anew_is_the_same() -> None:
    """MLflow numbers it otherwise; its digest says that it is the champion of now."""
    assert numbers([entry(1), entry(2), entry(3, digest="sha256:2")]) == [1]


def test_a_version_is_back_as_it_was_put_there_first() -> None:
    """So that what was forced once is known to be so after a rollback."""
    first = entry(1, forced=True)
    entries = [first, entry(2), entry(3), back(2), back(1), entry(4)]
    assert previous(entries) is first


def test_there_is_nothing_to_roll_back_without_a_champion() -> None:
    """Who took it away is named, and what to do instead."""
    with pytest.raises(UnknownError, match="ecg has no champion to roll back from: ann took"):
        turn("ecg", [entry(1), entry(2), entry(None)])
    with pytest.raises(UnknownError, match=r"has no champion to roll back from\. .*promote ecg"):
        turn("ecg", [])


def test_there_is_nothing_to_go_back_to_from_the_first_champion() -> None:
    """Nor from one before which all were rolled back from."""
    for entries in ([entry(1)], [entry(1), entry(2), back(1)]):
        with pytest.raises(UnknownError, match=r"no version was champion before 1\.1\.0"):
            turn("ecg", entries)


@given(st.lists(st.sampled_from([1, 2, 3, None, "back"]), max_size=12))
def test_rolling_back_never_stays_and_always_ends(moves: list[Any]) -> None:
    """Whatever happened before: each rollback leaves the champion, none goes to it again."""
    entries: list[Entry] = []
    for move in moves:
        found = previous(entries) if move == "back" else None
        if move != "back":
            entries.append(entry(move))
        elif found is not None:
            entries.append(back(found.number or 0))
    now = current(entries)
    path = numbers(entries)
    assert len(path) == len(set(path)) <= 3
    assert now is None or now.number is None or now.number not in path
