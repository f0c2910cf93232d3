"""The table of the rollout: how a version reaches its users."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Annotated

import msgspec
from msgspec import Meta

from interlock.policy.table import Table
from interlock.policy.values import (
    Alpha,
    Amount,
    Metric,
    Number,
    Seconds,
    Step,
    Strategy,
    Whole,
    impossible,
)


class Rollout(Table, frozen=True, kw_only=True):
    """How a version goes from no traffic to all of it."""

    strategy: Annotated[
        Strategy,
        Meta(
            description="Way to all of the traffic: shadow (answers are compared, not given),"
            " canary (a growing share), ab (an A/B test) or blue-green (all at once, the old"
            " version at hand)."
        ),
    ] = "canary"
    steps: Annotated[
        tuple[Step, ...], Meta(description="Shares of the traffic, rising, the last one 1.")
    ] = (0.05, 0.1, 0.25, 0.5, 1.0)
    least_seconds: Annotated[Seconds, Meta(description="Shortest time at a step.")] = 600.0
    least_rows: Annotated[Whole, Meta(description="Fewest labelled rows at a step.")] = 200
    alpha_promote: Annotated[
        Alpha, Meta(description="Chance of promoting a version that is worse by the margin.")
    ] = 0.05
    alpha_rollback: Annotated[
        Alpha, Meta(description="Chance of rolling back a version that is no worse.")
    ] = 0.01
    margin: Annotated[
        Amount, Meta(description="How much worse than the champion counts as equal.")
    ] = 0.01
    floor: Annotated[
        dict[Metric, Number],
        Meta(description="Bound by metric at which a version is rolled back, champion or not."),
    ] = msgspec.field(default_factory=dict)

    def contradictions(self) -> Iterator[str]:
        steps = f"rollout.steps = {list(self.steps)}"
        if not self.steps or self.steps[-1] != 1:
            yield f"{steps}: the last step must be 1, all of the traffic"
        for before, after in pairwise(self.steps):
            if after <= before:
                yield f"{steps}: steps must rise, but {after:g} follows {before:g}"
        yield from impossible(self.floor, "rollout.floor")
