"""From facts to findings, without a database: what is learnt, and how often it misleads."""

from __future__ import annotations

import numpy as np
import pytest

from interlock.evidence.verdict import Verdict
from interlock.policy import Rollout
from interlock.rollout import alphas, evidence
from interlock.rollout.analysis import analyse
from interlock.rollout.counts import Arm, Counts
from interlock.rollout.evidence import Evidence
from interlock.rollout.facts import Facts
from interlock.rollout.finding import Analysis
from interlock.rollout.learning import learn
from interlock.rollout.outcomes import Outcomes
from interlock.rollout.plan import Step
from interlock.rollout.reference import Reference
from interlock.rollout.rules import Rules

STEP = Step(name="10%", share=0.1)
RULES = Rules(rollout=Rollout(alpha_rollback=0.05, margin=0.05, floor={"accuracy": 0.85}))
REFERENCE = Reference(until=0, slow=0.01)
NONE = np.empty(0)


def facts(
    random: np.random.Generator, start: int, *, wrong: float = 0.1, slow: float = 0.01
) -> Facts:
    """An interval in which the version had a tenth of 600 requests."""
    mine = (random.random(60) < wrong).astype(float)
    others = (random.random(540) < 0.1).astype(float)
    moved = int(mine.sum())
    counts = Counts(
        start=start,
        version=Arm(
            requests=60,
            slow=int(random.binomial(60, slow)),
            failed=int(random.binomial(60, 0.02)),
            answers={"normal": 40 - moved, "other": 20 + moved},
        ),
        champion=Arm(
            requests=540,
            slow=int(random.binomial(540, 0.01)),
            failed=int(random.binomial(540, 0.02)),
            answers={"normal": 330, "other": 210},
        ),
        shadow=Arm(),
    )
    outcomes = Outcomes(
        start=start, version=mine, champion=others, paired=NONE, floors={"accuracy": mine}
    )
    return Facts(
        counted=start + 1,
        judged=start + 1,
        reference=REFERENCE,
        counts=(counts,),
        outcomes=(outcomes,),
    )


def looks(seed: int, number: int, **how: float) -> tuple[Evidence, list[Analysis]]:
    """What is known after so many looks, and what each of them said."""
    random = np.random.default_rng(seed)
    known = evidence.fresh(0, RULES.rollout.errors)
    said = []
    for start in range(number):
        known = learn(known, facts(random, start, **how), f"run {seed}")
        said.append(analyse(known, RULES, STEP, 0.5))
    return known, said


def verdict(analysis: Analysis, metric: str) -> Verdict:
    return next(one.verdict for one in analysis.findings if one.metric == metric)


def test_an_equal_version_is_hardly_ever_found_at_fault() -> None:
    """All metrics together, looked at after every interval: at most alpha of the runs."""
    runs = 60
    failed = sum(any(one.failed for one in looks(seed, 15)[1]) for seed in range(runs))
    # Of 60 runs with a chance of 5% each, more than 8 would be seen once in a hundred times.
    assert failed <= 8


@pytest.mark.parametrize(
    ("how", "metric"), [({"wrong": 0.35}, "quality"), ({"slow": 0.4}, "latency")]
)
def test_a_fault_is_found_in_the_metric_that_it_is_in(how: dict[str, float], metric: str) -> None:
    """Every time, within a few looks."""
    for seed in range(10):
        assert verdict(looks(seed, 15, **how)[1][-1], metric) == "failed"


def test_a_floor_is_failed_by_the_version_alone() -> None:
    """Whatever the champion does; and it is passed when that is shown."""
    assert verdict(looks(1, 15, wrong=0.35)[1][-1], "floor accuracy") == "failed"
    assert verdict(looks(1, 30, wrong=0.02)[1][-1], "floor accuracy") == "passed"


def test_evidence_is_the_same_whether_it_was_written_down_or_not() -> None:
    """Small, and nothing of it gets lost in JSON."""
    known, _ = looks(3, 10)
    text = known.to_json()
    assert evidence.read(text) == known
    assert len(text) < 40_000


def test_learning_changes_nothing_of_what_was_known() -> None:
    """What another controller may still need stays as it is."""
    known, _ = looks(3, 3)
    before = known.to_json()
    learn(known, facts(np.random.default_rng(0), 3), "run 3")
    assert known.to_json() == before


def test_alphas_add_up_to_no_more_than_the_policys() -> None:
    """Also over any number of classes, each with two ways to move."""
    shared = alphas.shares(0.01, ["accuracy", "recall:other"])
    assert sum(shared.values()) == pytest.approx(0.01)
    classes = sum(2 * alphas.of_class(shared["answers"], place) for place in range(10_000))
    assert classes < shared["answers"]


def test_a_new_class_is_not_held_against_the_version_for_its_first_interval() -> None:
    """What made us look at a class is no evidence about it."""
    random = np.random.default_rng(0)
    found = facts(random, 0)
    found.counts[0].version.answers = {"strange": 60}
    known = learn(evidence.fresh(0, 1.0), found, "r")
    assert len(known.shift["strange"]) == 0
    again = facts(random, 1)
    again.counts[0].version.answers = {"strange": 60}
    known = learn(known, again, "r")
    assert len(known.shift["strange"]) == 60
    assert verdict(analyse(known, RULES, STEP, 0.5), "answers") == "failed"
