"""Promotion: what stands in the way, decided from findings and the history alone."""

from __future__ import annotations

from typing import Any

import pytest

from interlock.errors import ConfigurationError, ConflictError, PromotionError
from interlock.registry import Version
from interlock.registry.entry import Entry
from interlock.registry.evidence import Evidence
from interlock.registry.promotion import (
    because,
    check_not_there,
    check_target,
    demand,
    objections,
)
from interlock.registry.rules import Rules

THEN = "2026-01-01T00:00:00.000000Z"
LIVE = "sha256:live"
FORCE = "interlock model promote ecg 1.1.0 --to champion --force --reason …"
FIRST = f"bob put champion of ecg on 1.0.1 at {THEN} (faster)"
DROPPED = "1.0.0 became champion under a policy that needs it"
NEEDS = {"staging": ["parity"], "champion": ["parity", "champion", "infra"]}
VERSION = Version(name="ecg", version="1.1.0", number=2, digest="sha256:new", created=THEN, run="r")


def found(gate: str, sequence: int = 1, **values: Any) -> Evidence:
    """What a gate found about the version, with other `values`."""
    usual: dict[str, Any] = {
        "name": "ecg",
        "version": "1.1.0",
        "digest": "sha256:new",
        "champion": LIVE,
        "compares": gate == "champion",
        "verdict": "passed",
        "sentence": f"What {gate} says.",
        "policy": "sha256:p",
        "needs": NEEDS,
        "run": "run-1",
    }
    return Evidence(gate=gate, sequence=sequence, **{**usual, **values})


def evidence(*changed: Evidence) -> dict[str, Evidence]:
    """Three gates that passed, and what `changed`."""
    passed = {gate: found(gate) for gate in ("parity", "champion", "infra")}
    return passed | {one.gate: one for one in changed}


def moved(number: int | None, digest: str | None, **values: Any) -> Entry:
    """The champion goes there, by Bob."""
    usual: dict[str, Any] = {"actor": "bob", "reason": "faster", "version": "1.0.1"}
    return Entry(
        name="ecg",
        sequence=1,
        event="moved",
        alias="champion",
        number=number,
        digest=digest,
        since=THEN,
        moment=THEN,
        **{**usual, **values},
    )


def rules(needs: dict[str, list[str]], policy: str = "sha256:p") -> Rules:
    """What the champion, 1.0.0, was held to."""
    return Rules(version="1.0.0", policy=policy, needs=needs)


def problems(
    newest: dict[str, Evidence],
    to: str = "champion",
    live: str | None = LIVE,
    held: Rules | None = None,
) -> Any:
    """What stands in the way, in short."""
    return [(one.gate, one.problem) for one in objections(newest, to, live, held) or ()]


def test_nothing_is_in_the_way_when_every_gate_passed() -> None:
    """For exactly this package, against the champion of now."""
    assert objections(evidence(), "champion", LIVE, None) == []
    demand(VERSION, "champion", evidence(), [moved(1, LIVE)], rules(NEEDS))


@pytest.mark.parametrize("verdict", ["failed", "inconclusive", "error"])
def test_only_passed_is_passed(verdict: str) -> None:
    """What is inconclusive is for a person to decide."""
    assert problems(evidence(found("infra", verdict=verdict))) == [("infra", verdict)]


def test_a_gate_that_was_not_run_is_missing() -> None:
    """Each target has gates of its own; those that it does not need may be missing or fail."""
    newest = evidence(found("champion", verdict="failed"))
    del newest["infra"]
    assert problems(newest) == [("champion", "failed"), ("infra", "missing")]
    assert problems(newest, "staging") == []


def test_the_last_run_says_which_gates_it_takes() -> None:
    """Whatever the policy said at the runs before."""
    strict = {"staging": [], "champion": ["parity", "slices"]}
    assert problems(evidence(found("parity", 9, needs=strict))) == [("slices", "missing")]
    lax = evidence(found("parity", 9, needs={"champion": []}))
    assert problems(lax) == []
    assert problems(lax, "staging") == [("staging", "missing")]


def test_a_laxer_policy_does_not_undo_a_failure() -> None:
    """What failed stands in the way though the policy of the last run asks for it no more."""
    failed = found("champion", 1, verdict="failed", sentence="Worse.")
    lax = found("parity", 2, needs={"champion": ["parity"]})
    (objection,) = objections({"champion": failed, "parity": lax}, "champion", LIVE, None) or []
    assert (objection.gate, objection.problem) == ("champion", "failed")
    # Another run by the laxer policy would not be asked for, so it is not advised.
    assert not objection.again


def test_a_verdict_by_another_policy_is_outdated() -> None:
    """A lax policy cannot lend its verdict to a strict one."""
    newest = evidence(found("parity", 9, policy="sha256:other"))
    assert problems(newest) == [("champion", "outdated"), ("infra", "outdated")]


def test_a_comparison_holds_only_against_the_champion_of_now() -> None:
    """Gates that do not compare are none the worse for a new champion."""
    for live in ("sha256:newer", None, "MLflow version 4"):
        assert problems(evidence(), live=live) == [("champion", "overtaken")]
    alone = evidence(found("champion", champion=None))
    assert problems(alone, live=None) == []
    assert problems(alone) == [("champion", "overtaken")]


def test_without_any_gate_the_message_says_what_to_run() -> None:
    """A version that nobody looked at."""
    with pytest.raises(PromotionError, match=r"no gate was run on ecg:1\.1\.0: run `interlock"):
        demand(VERSION, "champion", {}, [], None)


def test_a_refusal_lists_every_gate_and_what_to_run() -> None:
    """Failed and inconclusive gates are not to be run again: their answer would be the same."""
    newest = evidence(
        found("parity", verdict="failed"),
        found("infra", verdict="error"),
        found("budget", 9, needs={"champion": [*NEEDS["champion"], "slices"]}),
    )
    with pytest.raises(PromotionError) as refused:
        demand(VERSION, "champion", newest, [moved(3, "sha256:newer")], None)
    assert str(refused.value).splitlines() == [
        "ecg:1.1.0 cannot become champion:",
        "  parity: failed; What parity says.",
        "  champion: outdated; the champion has changed since: run it again",
        "  infra: could not look; What infra says.",
        "  slices: missing; it was not run",
        f"The champion has changed since ecg:1.1.0 was compared with it: {FIRST}.",
        "Run: interlock gate run ecg 1.1.0 --gate champion --gate infra --gate slices",
        f"A person may decide otherwise, for ever on record: {FORCE}",
    ]
    assert refused.value.exit_code == 1


def test_nothing_is_advised_where_running_again_changes_nothing() -> None:
    """The answer is on record already."""
    newest = evidence(found("parity", verdict="inconclusive"))
    with pytest.raises(PromotionError) as refused:
        demand(VERSION, "champion", newest, [moved(1, LIVE)], None)
    assert "Run:" not in str(refused.value)


def test_who_comes_second_is_told_who_was_first() -> None:
    """When only another champion is in the way, it is a conflict and no lack of evidence."""
    with pytest.raises(ConflictError, match=r"bob put champion of ecg on 1\.0\.1 .*\(faster\)"):
        demand(VERSION, "champion", evidence(), [moved(1, LIVE), moved(3, "sha256:newer")], None)
    with pytest.raises(ConflictError, match="bob took champion of ecg away"):
        demand(VERSION, "champion", evidence(), [moved(1, LIVE), moved(None, None)], None)


def test_a_champion_that_is_none_of_ours_is_never_the_one_compared_with() -> None:
    """It has no digest, which is not the same as no champion."""
    alone = evidence(found("champion", champion=None))
    demand(VERSION, "champion", alone, [], None)
    with pytest.raises(ConflictError, match="MLflow version 7"):
        demand(VERSION, "champion", alone, [moved(7, None, version=None, actor=None)], None)


def test_a_version_that_is_there_already_is_not_promoted_again() -> None:
    """Who put it there is named, but for another alias it may be promoted."""
    entries = [moved(2, "sha256:new")]
    with pytest.raises(ConflictError, match=r"ecg:1\.1\.0 is champion already: bob put"):
        check_not_there(VERSION, "champion", entries)
    check_not_there(VERSION, "staging", entries)
    check_not_there(VERSION, "champion", [*entries, moved(None, None)])


def test_the_history_is_told_which_gates_passed() -> None:
    """When nobody gives another reason."""
    assert because(evidence(), "champion", None) == "passed parity, champion, infra"
    lax = evidence(found("parity", 9, needs={"champion": []}))
    assert because(lax, "champion", None) == "the policy asks for no gate"
    assert because(lax, "champion", rules({"champion": ["infra"]})) == "passed infra"
    assert because(lax, "champion", None, "faster") == "faster"


def test_the_history_is_told_of_another_policy_than_the_champions() -> None:
    """Other margins are no objection, but nobody shall have to find out by digests."""
    other = rules(NEEDS, "sha256:before")
    assert problems(evidence(), held=other) == []
    told = " (under another policy than 1.0.0's)"
    assert because(evidence(), "champion", other, "faster") == f"faster{told}"
    assert because(evidence(), "staging", other) == f"passed parity{told}"
    assert because(evidence(), "champion", rules(NEEDS), "faster") == "faster"


def test_a_gate_that_the_policy_has_dropped_is_still_asked_for() -> None:
    """What the champion was held to, its successor is held to: run all the same, or forced."""
    lax = {"staging": [], "champion": ["parity"]}
    newest = {"parity": found("parity", needs=lax)}
    held = rules({"staging": ["infra"], "champion": ["slices", "parity"]})
    (objection,) = objections(newest, "champion", LIVE, held) or []
    assert (objection.gate, objection.problem) == ("slices", "dropped")
    with pytest.raises(PromotionError) as refused:
        demand(VERSION, "champion", newest, [moved(1, LIVE)], held)
    assert str(refused.value).splitlines()[1:3] == [
        f"  slices: dropped; {DROPPED}; this one does not: run it, or --force",
        "Run: interlock gate run ecg 1.1.0 --gate slices",
    ]
    assert problems(newest, "staging", held=held) == [("infra", "dropped")]


@pytest.mark.parametrize(
    ("finding", "problem"),
    [
        ({"verdict": "passed"}, None),
        ({"verdict": "failed"}, "failed"),
        ({"verdict": "inconclusive"}, "inconclusive"),
        ({"policy": "sha256:before"}, "outdated"),
    ],
)
def test_a_dropped_gate_has_to_pass_like_any_other(
    finding: dict[str, Any], problem: str | None
) -> None:
    """By the policy of the last run; that it was run is not enough."""
    lax = {"champion": ["parity"]}
    newest = {
        "slices": found("slices", 1, needs=lax, **finding),
        "parity": found("parity", 2, needs=lax),
    }
    expected = [("slices", problem)] if problem else []
    assert problems(newest, held=rules({"champion": ["slices"]})) == expected


def test_what_the_policy_needs_and_lacks_is_missing_not_dropped() -> None:
    """Whether or not the champion was held to it."""
    newest = {"parity": found("parity", needs={"champion": ["parity", "infra"]})}
    assert problems(newest, held=rules({"champion": ["infra"]})) == [("infra", "missing")]


def test_who_failed_and_came_second_is_told_both() -> None:
    """That it failed against another champion is not all there is to know; it may be run again."""
    newest = evidence(found("champion", verdict="failed", sentence="Worse."))
    with pytest.raises(PromotionError) as refused:
        demand(VERSION, "champion", newest, [moved(1, LIVE), moved(3, "sha256:newer")], None)
    said = str(refused.value)
    assert "  champion: failed; Worse." in said
    assert "was compared with it: bob put champion of ecg on 1.0.1" in said
    assert "Run: interlock gate run ecg 1.1.0 --gate champion" in said


def test_the_champion_may_go_to_staging() -> None:
    """Its comparison with the champion before holds, and it is not asked to beat itself."""
    itself = "sha256:new"
    assert problems(evidence(), live=itself) == []
    even = found("champion", verdict="inconclusive", champion=itself)
    assert problems(evidence(even), live=itself) == []
    assert problems(evidence(even), live=LIVE) == [("champion", "inconclusive")]
    worse = found("champion", verdict="failed", champion=itself)
    assert problems(evidence(worse), live=itself) == [("champion", "failed")]
    alone = found("infra", verdict="inconclusive", champion=itself)
    assert problems(evidence(alone), live=itself) == [("infra", "inconclusive")]


def test_other_aliases_need_no_promotion() -> None:
    """And cannot be promoted to, by a slip of the pen."""
    assert check_target("staging") == "staging"
    with pytest.raises(ConfigurationError, match="'prod' needs no promotion"):
        check_target("prod")
