"""One line of the history, told as a clause."""

from __future__ import annotations

from typing import Any

from interlock.registry.entry import Entry

THEN = "2026-01-01T00:00:00.000000Z"


def entry(**values: Any) -> Entry:
    """A move of the champion by Ann, with other `values`."""
    usual = {"actor": "ann", "reason": "better", "number": 2, "version": "1.1.0"}
    return Entry(
        name="ecg",
        sequence=1,
        event="moved",
        alias="champion",
        since=THEN,
        moment=THEN,
        **{**usual, **values},
    )


def test_an_entry_tells_who_moved_what_where_when_and_why() -> None:
    """Those who lost a race read it."""
    assert entry().told() == f"ann put champion of ecg on 1.1.0 at {THEN} (better)"


def test_an_entry_tells_of_a_removal_and_of_a_foreign_move() -> None:
    """Nobody is named for a move that was only noticed, nor a version that is none of ours."""
    removed = entry(number=None, version=None)
    assert removed.told() == f"ann took champion of ecg away at {THEN} (better)"
    foreign = entry(actor=None, reason=None, version=None)
    assert foreign.told() == (
        f"somebody without Interlock put champion of ecg on MLflow version 2 at {THEN}"
    )
