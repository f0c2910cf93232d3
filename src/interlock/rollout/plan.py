"""The plan of a rollout: what a policy makes of a strategy, step by step, and the route of each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias

import msgspec

from interlock import policy
from interlock.routing.route import Arm, ArmName, Route, Shadow
from interlock.state.rollouts import Record

Comparison: TypeAlias = Literal["paired", "beside", "before"]
"""How a version is compared at a step: on the same rows (a shadow), beside the champion in the same
interval, or with what the champion did before, when it answers nothing any more."""

ARMS: dict[str, tuple[ArmName, ArmName]] = {
    "ab": ("a", "b"),
    "blue-green": ("blue", "green"),
}
_USUAL: tuple[ArmName, ArmName] = ("champion", "canary")


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One step: the `share` of the new version, or that its `shadow` runs.

    It takes `least_seconds`, and `least_rows` labelled rows where versions are compared.
    """

    name: str
    share: float = 0.0
    shadow: bool = False
    least_seconds: float = 0.0
    least_rows: int = 0

    @property
    def comparison(self) -> Comparison:
        if self.shadow:
            return "paired"
        return "beside" if self.share < 1 else "before"


def steps(rules: policy.Rollout) -> tuple[Step, ...]:
    """The steps of the strategy in `rules`; none for one that goes live at once.

    Examples
    --------
    >>> [step.name for step in steps(policy.Rollout(shadow_first=True))]
    ['shadow', '5%', '10%', '25%', '50%', '100%']
    >>> steps(policy.Rollout(strategy="recreate"))
    ()
    """
    shadow = Step(
        name="shadow", shadow=True, least_seconds=rules.least_seconds, least_rows=rules.least_rows
    )
    first = rules.shadow_first or rules.strategy == "shadow"
    return (*([shadow] if first else []), *_own(rules))


def _own(rules: policy.Rollout) -> Sequence[Step]:
    if rules.strategy == "canary":
        return [_step(share, rules.least_seconds, rules.least_rows) for share in rules.steps]
    if rules.strategy == "ab":
        return [_step(rules.split, rules.end, rules.least_rows)]
    if rules.strategy == "blue-green":
        return [_step(1.0, rules.warm, 0)]
    return []


def _step(share: float, seconds: float, rows: int) -> Step:
    return Step(name=f"{100 * share:.4g}%", share=share, least_seconds=seconds, least_rows=rows)


def after(plan: Sequence[Step], place: int) -> float:
    """The share that comes after the step at `place`; all of it at the end."""
    return plan[place + 1].share if place + 1 < len(plan) else 1.0


def arms(strategy: str) -> tuple[ArmName, ArmName]:
    """What the arms of the champion and of the new version are called."""
    return ARMS.get(strategy, _USUAL)


def alone(strategy: str) -> bool:
    """Whether a version answers callers only when the champion answers none."""
    return strategy == "blue-green"


def route(rollout: Record, step: Step, moment: int) -> Route:
    """Who answers at `step`. The champion stays loaded, at hand for the way back."""
    old, new = arms(rollout.strategy)
    champion = Arm(
        name=old,
        version=rollout.champion,
        digest=rollout.champion_digest,
        share=1 - step.share,
    )
    version, digest = rollout.version, rollout.digest
    other = Arm(name=new, version=version, digest=digest, share=step.share)
    return Route(
        deployment=rollout.deployment,
        revision=moment,
        salt=rollout.id,
        arms=(champion,) if step.shadow else (champion, other),
        shadows=(Shadow(version=version, digest=digest),) if step.shadow else (),
    )


EVERYTHING = Step(name="100%", share=1.0)
"""What is in force while the registry is told."""
