"""Periods: the history as people ask for it."""

from __future__ import annotations

from typing import Any

from interlock.registry.entry import Entry
from interlock.registry.periods import periods


def day(number: int) -> str:
    """The start of a day in January."""
    return f"2026-01-{number:02}T00:00:00.000000Z"


def entry(sequence: int, event: str, number: int | None, **more: Any) -> Entry:
    """An entry about the champion, one a day."""
    values: dict[str, Any] = {
        "name": "ecg",
        "alias": "champion",
        "version": f"1.{number}.0" if number else None,
        "actor": "ann",
        "reason": f"reason {sequence}",
        "since": day(sequence),
        "moment": day(sequence),
        **more,
    }
    return Entry(sequence=sequence, event=event, number=number, **values)  # type: ignore[arg-type]


def test_a_period_ends_where_the_next_begins() -> None:
    """Who moved the alias on ended the period before, for the same reason."""
    first, second = periods([entry(1, "moved", 1), entry(2, "moved", 2, actor="bob")])
    assert (first.version, first.start, first.end) == ("1.1.0", day(1), day(2))
    assert (first.actor, first.reason) == ("ann", "reason 1")
    assert (first.ended_by, first.ended_because) == ("bob", "reason 2")
    assert (second.version, second.start, second.end) == ("1.2.0", day(2), None)


def test_intentions_and_what_came_of_nothing_are_no_periods() -> None:
    """Only where an alias really was counts."""
    assert periods([entry(1, "intended", 1), entry(2, "abandoned", 1)]) == []


def test_a_removed_alias_ends_its_period_and_is_away() -> None:
    """Until it is put somewhere again; who took it away and why is told, too."""
    moves = [entry(1, "moved", 1), entry(2, "moved", None), entry(3, "moved", 2)]
    first, away, _again = periods(moves)
    assert (first.end, first.ended_because) == (day(2), "reason 2")
    assert (away.gone, away.version, away.reason) == (True, None, "reason 2")
    assert (away.start, away.end) == (day(2), day(3))


def test_aliases_have_periods_of_their_own() -> None:
    """A move of the challenger leaves the champion where it is."""
    found = periods([entry(1, "moved", 1), entry(2, "moved", 2, alias="challenger")])
    assert [(period.alias, period.end) for period in found] == [
        ("champion", None),
        ("challenger", None),
    ]


def test_a_noticed_move_has_nobody_and_no_reason() -> None:
    """What was done behind our back is shown as such."""
    (found,) = periods([entry(1, "noticed", 3, actor=None, reason=None, version=None)])
    assert (found.noticed, found.actor, found.version, found.number) == (True, None, None, 3)


def test_a_period_covers_its_start_but_not_its_end() -> None:
    """At the moment of a move exactly one version is live."""
    first, second = periods([entry(1, "moved", 1), entry(3, "moved", 2)])
    assert [first.covers(day(number)) for number in (1, 2, 3)] == [True, True, False]
    assert [second.covers(day(number)) for number in (2, 3, 9)] == [False, True, True]
