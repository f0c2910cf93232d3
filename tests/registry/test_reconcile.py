"""What the history lacks, decided from facts alone."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from interlock.registry import Version
from interlock.registry.entry import Entry
from interlock.registry.reconcile import (
    Place,
    forced,
    moving,
    next_entry,
    overtaken,
    pending,
    recorded,
    settle,
)

THEN, SOON, LATER = (
    "2026-01-01T00:00:00.000000Z",
    "2026-01-01T00:00:10.000000Z",
    "2026-01-01T00:05:00.000000Z",
)


def entry(sequence: int, event: str, number: int | None, **more: Any) -> Entry:
    """An entry about the champion."""
    values: dict[str, Any] = {"alias": "champion", "actor": "ann", "reason": "better", **more}
    return Entry(
        name="ecg",
        sequence=sequence,
        event=event,  # type: ignore[arg-type]
        number=number,
        since=THEN,
        moment=THEN,
        **values,
    )


def place(number: int) -> Place:
    """Where MLflow has an alias."""
    version = Version(
        name="ecg", version=f"1.{number}.0", number=number, digest="sha256:0", created=THEN, run=""
    )
    return number, version


def test_nothing_is_missing_when_both_agree() -> None:
    """An alias that is where its last move put it needs no entry."""
    entries = [entry(1, "intended", 1), entry(2, "moved", 1, settles=1)]
    assert next_entry("ecg", entries, {"champion": place(1)}, LATER) is None


def test_a_move_that_arrived_before_the_crash_is_confirmed() -> None:
    """The mover and the reason are the intention's, and so is the time."""
    found = next_entry("ecg", [entry(1, "intended", 1)], {"champion": place(1)}, LATER)
    assert found is not None
    assert (found.event, found.settles, found.sequence) == ("moved", 1, 2)
    assert (found.actor, found.reason, found.since) == ("ann", "better", THEN)


def test_a_removal_that_arrived_before_the_crash_is_confirmed() -> None:
    """Removing is a move to nowhere."""
    entries = [entry(1, "moved", 1), entry(2, "intended", None)]
    found = next_entry("ecg", entries, {}, SOON)
    assert found is not None
    assert (found.event, found.settles, found.number) == ("moved", 2, None)


def test_a_move_in_progress_is_left_alone() -> None:
    """Somebody else's move of a few seconds ago is neither given up nor called foreign."""
    assert next_entry("ecg", [entry(1, "intended", 2)], {"champion": place(1)}, SOON) is None
    assert next_entry("ecg", [entry(1, "intended", 2)], {}, SOON) is None


def test_a_move_that_never_arrived_is_given_up() -> None:
    """After a minute nobody can still be about to make it."""
    found = next_entry("ecg", [entry(1, "intended", 2)], {}, LATER)
    assert found is not None
    assert (found.event, found.settles) == ("abandoned", 1)


def test_a_foreign_move_is_recorded_without_a_name() -> None:
    """Nobody is named for what nobody told us."""
    found = next_entry("ecg", [entry(1, "moved", 1)], {"champion": place(2)}, LATER)
    assert found is not None
    assert (found.event, found.number, found.version) == ("noticed", 2, "1.2.0")
    assert (found.actor, found.reason, found.since) == (None, None, LATER)


def test_a_foreign_removal_is_recorded() -> None:
    """An alias that vanished is noticed too."""
    found = next_entry("ecg", [entry(1, "moved", 1)], {}, LATER)
    assert found is not None
    assert (found.event, found.number, found.alias) == ("noticed", None, "champion")


def test_a_foreign_version_has_no_semantic_version() -> None:
    """A version that Interlock did not register is known by MLflow's number only."""
    found = next_entry("ecg", [], {"champion": (4, None)}, LATER)
    assert found is not None
    assert (found.number, found.version, found.digest) == (4, None, None)


def test_periods_never_overlap_when_clocks_differ() -> None:
    """Whose clock is behind is taken to have moved right after the move before."""
    entries = [entry(1, "moved", 1), entry(2, "intended", 2)]
    early = "2025-12-31T23:59:59.000000Z"
    assert settle(entries[1], entries, arrived=True, since=early).since == THEN
    noticed = next_entry("ecg", entries[:1], {"champion": place(2)}, early)
    assert noticed is not None
    assert noticed.since == THEN


def test_only_an_open_move_of_the_same_alias_is_in_the_way() -> None:
    """Other aliases, and moves that were settled, keep nobody waiting."""
    intent = entry(1, "intended", 1)
    assert moving([intent], "champion") == intent
    assert moving([intent], "staging") is None
    assert moving([intent, entry(2, "abandoned", 1, settles=1)], "champion") is None


def test_an_outcome_is_forced_as_its_intention_was() -> None:
    """Whoever settles it: the mark is not lost in a crash."""
    intent = entry(1, "intended", 1, forced=True, move="promotion")
    outcome = next_entry("ecg", [intent], {"champion": place(1)}, LATER)
    assert outcome is not None
    assert (outcome.forced, outcome.move) == (True, "promotion")


def test_only_aliases_that_are_there_by_force_are_forced() -> None:
    """Not those that were forced elsewhere once, nor those that were only meant to be."""
    entries = [
        entry(1, "moved", 1, forced=True),
        entry(2, "moved", 2, forced=True, alias="staging"),
        entry(3, "intended", 2, forced=True, alias="other"),
    ]
    assert forced(entries) == {1: {"champion"}, 2: {"staging"}}
    assert forced([*entries, entry(4, "moved", 2)]) == {2: {"staging"}}
    assert forced([*entries, entry(4, "moved", None)]) == {2: {"staging"}}


def test_who_decided_on_an_old_view_is_told_of_the_last_move() -> None:
    """Of the aliases that they had looked at, and no others."""
    entries = [entry(1, "moved", 1), entry(2, "moved", 2, alias="staging"), entry(3, "moved", 3)]
    assert overtaken(entries, {"champion": 3, "staging": 2, "other": None}) is None
    assert overtaken(entries, {"champion": 1}) == entries[2]
    assert overtaken(entries, {"staging": None}) == entries[1]
    assert overtaken([*entries, entry(4, "intended", 1)], {"champion": 3}) is None
    assert overtaken(entries, {}) is None


def test_a_late_mover_confirms_what_others_gave_up() -> None:
    """A given-up move that arrived after all is on record as moved, by its mover."""
    intent = entry(1, "intended", 2)
    entries = [intent, entry(2, "abandoned", 2, settles=1)]
    entries.append(settle(intent, entries, arrived=True, since=LATER))
    assert recorded(entries) == {"champion": 2}
    assert pending(entries) == []


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["intended", "moved", "noticed"]),
            st.sampled_from(["champion", "staging"]),
            st.sampled_from([None, 1, 2]),
        ),
        max_size=6,
    ),
    st.dictionaries(st.sampled_from(["champion", "staging", "x"]), st.sampled_from([1, 2])),
)
def test_asking_again_and_again_ends_in_agreement(
    past: list[tuple[str, str, int | None]], actual: dict[str, int]
) -> None:
    """Whatever happened before, a few entries later history and MLflow say the same."""
    entries = [
        entry(number, event, at, alias=alias)
        for number, (event, alias, at) in enumerate(past, start=1)
    ]
    places = {alias: place(number) for alias, number in actual.items()}
    for _ in range(len(past) + 4):
        missing = next_entry("ecg", entries, places, LATER)
        if missing is None:
            break
        entries.append(missing)
    assert next_entry("ecg", entries, places, LATER) is None
    assert recorded(entries) == actual
    assert pending(entries) == []
