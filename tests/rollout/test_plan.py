"""Plans: steps by strategy, and the route of each."""

from __future__ import annotations

import msgspec
import pytest

from interlock.policy import Rollout
from interlock.rollout import plan
from interlock.rollout.plan import Step
from interlock.state.rollouts import Record

RECORD = Record(
    id="r",
    deployment="ecg",
    version="1.1.0",
    digest="new",
    champion="1.0.0",
    champion_digest="old",
    strategy="canary",
    plan="",
    policy="",
    status="running",
    step=0,
    since=0,
    started=0,
    actor="ann",
    reason="",
    watermark=0,
)


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        (Rollout(), [0.05, 0.1, 0.25, 0.5, 1.0]),
        (Rollout(strategy="ab", split=0.3), [0.3]),
        (Rollout(strategy="blue-green"), [1.0]),
        (Rollout(strategy="shadow"), [0.0]),
        (Rollout(strategy="recreate", shadow_first=True), [0.0]),
        (Rollout(strategy="recreate"), []),
    ],
)
def test_a_strategy_is_a_sequence_of_shares(table: Rollout, expected: list[float]) -> None:
    """Shares of the new version, step by step."""
    assert [step.share for step in plan.steps(table)] == expected


def test_each_step_compares_as_it_can() -> None:
    """On the same rows, beside the champion, or with its past."""
    steps = plan.steps(Rollout(steps=(0.5, 1.0), shadow_first=True))
    assert [step.comparison for step in steps] == ["paired", "beside", "before"]


def test_the_last_step_leads_to_all_of_the_traffic() -> None:
    """Also where the plan never gave that: the share to come is all."""
    steps = plan.steps(Rollout(strategy="ab"))
    assert plan.after(steps, 0) == 1.0
    assert plan.after(plan.steps(Rollout()), 0) == 0.1


@pytest.mark.parametrize(
    ("strategy", "names"),
    [("canary", ["champion", "canary"]), ("ab", ["a", "b"]), ("blue-green", ["blue", "green"])],
)
def test_a_route_keeps_the_champion_at_hand(strategy: str, names: list[str]) -> None:
    """It stays loaded with whatever share is left, even none."""
    record = msgspec.structs.replace(RECORD, strategy=strategy)
    route = plan.route(record, Step(name="all", share=1.0), 7)
    assert [arm.name for arm in route.arms] == names
    assert [(arm.digest, arm.share) for arm in route.arms] == [("old", 0.0), ("new", 1.0)]
    assert (route.revision, route.salt) == (7, "r")


def test_a_shadow_is_no_arm() -> None:
    """Nobody is answered by it."""
    route = plan.route(RECORD, Step(name="shadow", shadow=True), 7)
    assert [(arm.version, arm.share) for arm in route.arms] == [("1.0.0", 1.0)]
    assert [(shadow.version, shadow.share) for shadow in route.shadows] == [("1.1.0", 1.0)]
