"""Standing: who holds which role, from the history and the evidence alone."""

from __future__ import annotations

from typing import Any

from interlock.registry.entry import Entry
from interlock.registry.evidence import Evidence
from interlock.registry.standing import standings


def entry(sequence: int, number: int | None, alias: str = "champion", **values: Any) -> Entry:
    """An alias goes to a version, one a day."""
    day = f"2026-01-{sequence:02}T00:00:00.000000Z"
    usual: dict[str, Any] = {
        "event": "moved",
        "version": f"1.{number}.0" if number else None,
        "digest": f"sha256:{number}" if number else None,
        "actor": "ann",
        "reason": f"reason {sequence}",
    }
    return Entry(
        name="ecg",
        sequence=sequence,
        alias=alias,
        number=number,
        since=day,
        moment=day,
        **{**usual, **values},
    )


def nothing(_digest: str) -> dict[str, Evidence]:
    """No gate was ever run."""
    return {}


def roles(entries: list[Entry]) -> list[tuple[str, str | None]]:
    """Who holds which role, in order."""
    return [(one.role, one.period.version) for one in standings(entries, nothing)]


def test_the_champion_comes_first_then_the_one_before_then_the_others() -> None:
    """Whatever the order of moves and of letters."""
    entries = [
        entry(1, 1, "aside"),
        entry(2, 1),
        entry(3, 2),
        entry(4, 3, "staging"),
        entry(5, 3, "challenger"),
        entry(6, 4),
    ]
    assert roles(entries) == [
        ("champion", "1.4.0"),
        ("previous champion", "1.2.0"),
        ("challenger", "1.3.0"),
        ("staging", "1.3.0"),
        ("aside", "1.1.0"),
    ]


def test_the_previous_champion_is_where_a_rollback_would_go() -> None:
    """Not the version that was rolled back from; its last time as champion is told."""
    entries = [entry(1, 1), entry(2, 2), entry(3, 3), entry(4, 2, move="rollback")]
    assert roles(entries) == [("champion", "1.2.0"), ("previous champion", "1.1.0")]
    last = standings([*entries, entry(5, 1), entry(6, 4)], nothing)[1].period
    assert (last.start, last.reason) == (entry(5, 1).since, "reason 5")


def test_without_aliases_nobody_holds_a_role() -> None:
    """Once another alias was taken away, nobody asks for it any more."""
    assert roles([]) == []
    assert roles([entry(1, 1, "staging"), entry(2, None, "staging")]) == []


def test_a_champion_that_was_taken_away_is_told_of() -> None:
    """By whom and by what right; there is nothing to roll back from."""
    entries = [entry(1, 1), entry(2, 2), entry(3, None, forced=True)]
    (only,) = standings(entries, nothing)
    assert (only.role, only.period.gone, only.period.forced) == ("champion", True, True)
    assert only.period.reason == "reason 3"


def test_verdicts_are_those_of_exactly_this_package() -> None:
    """By digest; a version that is none of ours has none."""
    found = Evidence(
        name="ecg",
        version="1.1.0",
        digest="sha256:1",
        gate="parity",
        verdict="failed",
        sentence="It answers otherwise.",
        policy="sha256:p",
        needs={},
        run="run-1",
    )
    known = {"sha256:1": {"parity": found}, "sha256:2": {}}
    entries = [entry(1, 1), entry(2, 2, "staging"), entry(3, 7, "other", digest=None)]
    told = standings(entries, known.__getitem__)
    assert [(one.role, one.gates) for one in told] == [
        ("champion", {"parity": "failed"}),
        ("staging", {}),
        ("other", {}),
    ]
