"""The champion's rules: what its successors are held to, from history and evidence alone."""

from __future__ import annotations

from typing import Any

from interlock.registry.entry import Entry
from interlock.registry.evidence import Evidence
from interlock.registry.rules import Rules, of_champion

STRICT = {"champion": ["parity", "infra"]}
LAX = {"champion": ["parity"]}


def day(number: int) -> str:
    """Midnight of a day in January."""
    return f"2026-01-{number:02}T00:00:00.000000Z"


def entry(when: int, number: int | None, **values: Any) -> Entry:
    """The champion goes to a version on that day."""
    usual: dict[str, Any] = {
        "event": "moved",
        "alias": "champion",
        "version": f"1.{number}.0" if number else None,
        "digest": f"sha256:{number}" if number else None,
        "move": "promotion",
    }
    return Entry(
        name="ecg",
        sequence=when,
        number=number,
        since=day(when),
        moment=day(when),
        **{**usual, **values},
    )


def finding(when: int, number: int, needs: dict[str, list[str]], policy: str = "p") -> Evidence:
    """What a gate found about a version on that day."""
    return Evidence(
        name="ecg",
        version=f"1.{number}.0",
        digest=f"sha256:{number}",
        gate="parity",
        verdict="passed",
        sentence="It answers as recorded.",
        policy=policy,
        needs=needs,
        run="run-1",
        moment=day(when),
    )


def test_they_are_those_of_the_last_finding_before_it_became_champion() -> None:
    """What other versions were judged by is none of it."""
    found = [finding(1, 1, LAX, "a"), finding(2, 1, STRICT, "b"), finding(2, 2, LAX, "c")]
    expected = Rules(version="1.1.0", policy="b", needs=STRICT)
    assert of_champion([entry(3, 1)], found) == expected


def test_a_run_on_the_champion_does_not_relax_them() -> None:
    """Whoever is live already has passed by the rules that it passed by."""
    found = [finding(1, 1, STRICT), finding(4, 1, LAX)]
    told = of_champion([entry(3, 1)], found)
    assert told is not None
    assert told.needs == STRICT


def test_a_rollback_brings_the_rules_back_that_were() -> None:
    """Not those of a run in between, as it is there by the right by which it was there first."""
    entries = [entry(2, 1), entry(4, 2), entry(6, 1, move="rollback")]
    found = [finding(1, 1, STRICT), finding(3, 2, LAX), finding(5, 1, LAX)]
    told = of_champion(entries, found)
    assert told is not None
    assert (told.version, told.needs) == ("1.1.0", STRICT)


def test_who_is_promoted_again_is_held_to_what_was_found_anew() -> None:
    """The last promotion counts, not the first."""
    entries = [entry(2, 1), entry(4, 2), entry(6, 1)]
    found = [finding(1, 1, STRICT), finding(3, 2, STRICT), finding(5, 1, LAX)]
    told = of_champion(entries, found)
    assert told is not None
    assert told.needs == LAX


def test_a_rollback_to_one_by_force_frees_nobody_of_the_rules_between() -> None:
    """Who was promoted on evidence after it has raised the bar, and is rolled back from since."""
    for first in (entry(2, 1, forced=True), entry(2, 1, move="alias", forced=True)):
        entries = [first, entry(4, 2), entry(6, 1, move="rollback", forced=True)]
        told = of_champion(entries, [finding(1, 1, LAX, "a"), finding(3, 2, STRICT, "b")])
        assert told is not None
        assert (told.version, told.policy, told.needs) == ("1.1.0", "a", STRICT)
        assert (told.of("parity"), told.of("infra")) == ("1.1.0", "1.2.0")


def test_any_number_of_champions_by_force_leaves_the_rules_of_the_last_on_evidence() -> None:
    """Rolled back from, forced, moved with MLflow alone: its bar stays where it was."""
    entries = [
        entry(2, 1),
        entry(3, 2, forced=True),
        entry(4, 1, move="rollback"),
        entry(5, 3, forced=True),
        entry(6, 4, event="noticed", move="alias"),
    ]
    found = [finding(1, 1, STRICT), finding(1, 2, LAX), finding(1, 3, LAX), finding(1, 4, LAX)]
    told = of_champion(entries, found)
    assert told is not None
    assert (told.needs, told.of("infra")) == (STRICT, "1.1.0")


def test_taking_the_champion_away_frees_nobody_of_its_rules() -> None:
    """The last champion there was counts."""
    told = of_champion([entry(2, 1), entry(3, None)], [finding(1, 1, STRICT)])
    assert told is not None
    assert (told.version, told.needs) == ("1.1.0", STRICT)


def test_a_champion_by_force_frees_nobody_of_the_rules_before() -> None:
    """Its own rules hold, and those before it: a refusal names the version whose rule it is."""
    entries = [entry(2, 1), entry(4, 2, forced=True)]
    told = of_champion(entries, [finding(1, 1, STRICT), finding(3, 2, LAX, "b")])
    assert told is not None
    assert (told.version, told.policy) == ("1.2.0", "b")
    assert told.needs == {"champion": ["parity", "infra"]}
    assert (told.of("parity"), told.of("infra")) == ("1.2.0", "1.1.0")
    unseen = of_champion(entries, [finding(1, 1, STRICT)])
    assert unseen is not None
    assert unseen.needs == STRICT


def test_a_champion_on_evidence_ends_the_rules_before() -> None:
    """Who passed a gate once more, after it was dropped, has dropped it for the next."""
    told = of_champion([entry(2, 1), entry(4, 2)], [finding(1, 1, STRICT), finding(3, 2, LAX)])
    assert told is not None
    assert told.needs == LAX


def test_without_a_champion_or_its_evidence_there_are_none() -> None:
    """Nothing was ever live, nobody looked, or it is none of ours."""
    found = [finding(1, 1, STRICT)]
    assert of_champion([], found) is None
    assert of_champion([entry(2, 2)], found) is None
    assert of_champion([entry(2, 7, digest=None, version=None)], found) is None
    assert of_champion([entry(2, 1, event="intended")], found) is None
