"""Decisions are plain functions: whatever is found, there is one, and it is safe."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from interlock import policy
from interlock.evidence.verdict import Verdict
from interlock.policy import Labels, Rollout
from interlock.rollout import evidence, plan
from interlock.rollout.clock import SECOND
from interlock.rollout.decide import decide
from interlock.rollout.finding import Analysis, Finding
from interlock.rollout.progress import Progress
from interlock.rollout.rules import Rules
from interlock.state.rollouts import Record, Status

VERDICTS: tuple[Verdict, ...] = ("passed", "failed", "inconclusive", "error")


def progress(table: Rollout, step: int = 0, status: Status = "running") -> Progress:
    """A rollout that began its step at the moment 0."""
    record = Record(
        id="r",
        deployment="ecg",
        version="1.1.0",
        digest="new",
        champion="1.0.0",
        champion_digest="old",
        strategy=table.strategy,
        plan="[]",
        policy="{}",
        status=status,
        step=step,
        since=0,
        started=0,
        actor="ann",
        reason="",
        watermark=0,
    )
    return Progress(record, plan.steps(table), Rules(rollout=table), evidence.fresh(0, 1.0))


def finding(metric: str, verdict: Verdict, *, needed: bool = True) -> Finding:
    return Finding(metric=metric, verdict=verdict, sentence=f"{metric} says so", needed=needed)


FINDINGS = st.lists(
    st.builds(
        finding,
        st.sampled_from(["errors", "latency", "answers", "quality"]),
        st.sampled_from(VERDICTS),
        needed=st.booleans(),
    ),
    max_size=5,
)
ANALYSES = st.builds(
    Analysis,
    findings=FINDINGS.map(tuple),
    bound=st.floats(-1, 1),
    requests=st.integers(0, 10**6),
    rows=st.integers(0, 10**6),
)
TABLES = st.builds(
    Rollout,
    strategy=st.sampled_from(["shadow", "canary", "ab", "blue-green", "recreate"]),
    shadow_first=st.booleans(),
    inconclusive=st.sampled_from(["wait", "pause", "proceed"]),
    patience=st.sampled_from([0.0, 100.0, 1e6]),
    least_seconds=st.sampled_from([0.0, 100.0, 1e6]),
)


@given(
    TABLES,
    ANALYSES,
    st.integers(0, 9),
    st.sampled_from(["running", "paused"]),
    st.tuples(st.integers(-(10**9), 10**15), st.sampled_from(["", "it is away"])),
)
def test_there_is_always_a_decision_and_a_failure_never_goes_further(
    table: Rollout, analysis: Analysis, step: int, status: Any, seen: tuple[int, str]
) -> None:
    """Total, with a sentence; failed means back, and nothing else means that."""
    now, blind = seen
    decision = decide(progress(table, step, status), analysis, now, blind)
    assert decision.sentence
    failed = any(one.verdict == "failed" for one in analysis.findings)
    assert (decision.action == "roll back") == failed
    onward = decision.action in ("widen", "finish")
    if failed or blind or status == "paused" or not analysis.requests:
        assert not onward
    if any(one.needed and one.verdict == "error" for one in analysis.findings):
        assert not onward
    if onward and table.inconclusive != "proceed":
        assert all(one.verdict == "passed" for one in analysis.findings if one.needed)


GOOD = Analysis(
    findings=(finding("errors", "passed"), finding("quality", "passed")), requests=500, rows=300
)
LATER = 700 * SECOND


def test_enough_evidence_goes_to_the_next_step() -> None:
    """Time, traffic, rows and verdicts are all there."""
    decision = decide(progress(Rollout()), GOOD, LATER)
    assert decision.action == "widen"
    assert "from 5% to 10%" in decision.sentence
    assert decide(progress(Rollout(), step=4), GOOD, LATER).action == "finish"


@pytest.mark.parametrize(
    ("changes", "now", "told"),
    [
        ({}, 60 * SECOND, "5% for another 9 min at least"),
        ({"requests": 0}, LATER, "there was no traffic at this step"),
        ({"rows": 199}, LATER, "199 of at least 200 labelled requests compared"),
        ({"findings": (finding("quality", "inconclusive"),)}, LATER, "quality: quality says so"),
    ],
)
def test_what_is_missing_is_named(changes: dict[str, Any], now: int, told: str) -> None:
    """A step that is held says for want of what."""
    decision = decide(progress(Rollout()), msgspec.structs.replace(GOOD, **changes), now)
    assert decision.action == "hold"
    assert told in decision.sentence


def test_where_keys_are_counted_it_is_said_that_only_new_ones_help() -> None:
    """More traffic of the same patients changes nothing: whoever waits for it waits for ever."""
    known = progress(Rollout())
    keyed = known._replace(rules=Rules(rollout=Rollout(), labels=Labels(unit="key")))
    for number, said in ((1, "1 different key was"), (30, "30 different keys were")):
        keyed.evidence.rows = number
        few = decide(keyed, msgspec.structs.replace(GOOD, rows=number), LATER).sentence
        assert f"{number} of at least 200 labelled keys compared at this step ({said}" in few
        assert few.endswith("compared since it began; only new keys count)")
    doubt = msgspec.structs.replace(GOOD, findings=(finding("quality", "inconclusive"),))
    assert "only new keys count" in decide(keyed, doubt, LATER).sentence
    assert "keys" not in decide(known, doubt, LATER).sentence
    errors = msgspec.structs.replace(GOOD, findings=(finding("errors", "inconclusive"),))
    assert "keys" not in decide(keyed, errors, LATER).sentence


def test_a_clock_that_was_set_back_makes_a_step_no_younger_than_new() -> None:
    """It is held from then on for its shortest time, not for that and what the clock lost."""
    held = decide(progress(Rollout()), GOOD, -3600 * SECOND)
    assert (held.action, held.sentence) == ("hold", "5% for another 10 min at least")


def test_what_is_not_needed_holds_nothing_but_still_rolls_back() -> None:
    """A warning is no reason to wait."""
    doubt = finding("floor accuracy", "inconclusive", needed=False)
    analysis = msgspec.structs.replace(GOOD, findings=(*GOOD.findings, doubt))
    assert decide(progress(Rollout()), analysis, LATER).action == "widen"
    fallen = finding("floor accuracy", "failed", needed=False)
    analysis = msgspec.structs.replace(GOOD, findings=(*GOOD.findings, fallen))
    assert decide(progress(Rollout()), analysis, 0).action == "roll back"


def test_no_policy_has_a_step_that_nobody_decides_about() -> None:
    """Every strategy that a policy may name has a plan."""
    for strategy in ("shadow", "canary", "ab", "blue-green", "recreate"):
        text = f"model.name = 'ecg'\nrollout = {{strategy = '{strategy}', shadow_first = true}}"
        steps = plan.steps(policy.parse(text).rollout)
        assert steps[0].shadow
        assert len([step for step in steps if step.shadow]) == 1
