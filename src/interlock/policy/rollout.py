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
    Duration,
    Factor,
    Inconclusive,
    Interval,
    Metric,
    Number,
    OnFloor,
    Part,
    RowMetric,
    Seconds,
    Share,
    Step,
    Strategy,
    Switch,
    Whole,
    impossible,
)

FLOORS = ("accuracy", "recall", "precision", "mae")
"""Metrics that are means over rows, so that a floor can be watched row by row."""


class Rollout(Table, frozen=True, kw_only=True):
    """How a version goes from no traffic to all of it."""

    strategy: Annotated[
        Strategy,
        Meta(
            description="Way to all of the traffic: shadow (answers are compared, not given),"
            " canary (a growing share), ab (an A/B test), blue-green (all at once, the old"
            " version at hand) or recreate (all at once, without the old version)."
        ),
    ] = "canary"
    shadow_first: Annotated[
        Switch, Meta(description="Whether any other strategy begins with a shadow.")
    ] = False
    steps: Annotated[
        tuple[Step, ...],
        Meta(description="Shares of the traffic in a canary, two or more, rising, the last one 1."),
    ] = (0.05, 0.1, 0.25, 0.5, 1.0)
    split: Annotated[Part, Meta(description="Share of the new version in an A/B test.")] = 0.5
    end: Annotated[Duration, Meta(description="How long an A/B test takes.")] = 604_800.0
    warm: Annotated[
        Seconds, Meta(description="How long a blue-green switch keeps the old version at hand.")
    ] = 3600.0
    least_seconds: Annotated[Seconds, Meta(description="Shortest time at a step.")] = 600.0
    least_rows: Annotated[
        Whole,
        Meta(
            description="Fewest labelled requests (or keys, see `labels.unit`) at a step that"
            " compares."
        ),
    ] = 200
    metric: Annotated[
        RowMetric,
        Meta(
            description="What quality is judged by, row by row. Empty: accuracy for classes, mae"
            " for numbers."
        ),
    ] = ""
    scale: Annotated[
        Amount,
        Meta(description="Error of a number that counts as entirely wrong; mae needs it."),
    ] = 0.0
    interval: Annotated[
        Interval, Meta(description="Stretch of time in which versions are compared.")
    ] = 60.0
    settle: Annotated[
        Seconds, Meta(description="Time for the journal to be shipped before an interval is read.")
    ] = 5.0
    alpha_promote: Annotated[
        Alpha, Meta(description="Chance of promoting a version that is worse by the margin.")
    ] = 0.05
    alpha_rollback: Annotated[
        Alpha, Meta(description="Chance of rolling back a version that is no worse.")
    ] = 0.01
    margin: Annotated[
        Amount,
        Meta(
            description="How much worse than the champion counts as equal; for mae in parts of"
            " the scale."
        ),
    ] = 0.01
    worse: Annotated[
        Amount,
        Meta(description="How much worse than the champion it must be shown to be to roll back."),
    ] = 0.0
    errors: Annotated[
        Factor, Meta(description="How many times as often as the champion it may fail.")
    ] = 1.0
    error_share: Annotated[
        Share,
        Meta(
            description="Share of requests that may fail more than before, where no champion"
            " answers beside it."
        ),
    ] = 0.01
    slower: Annotated[
        Share,
        Meta(
            description="Share of requests that may, beyond the champion's, take longer than the"
            " slowest hundredth of the champion's did before."
        ),
    ] = 0.05
    shift: Annotated[
        Share,
        Meta(description="How far the share of a class, or of a quarter of the numbers, may move."),
    ] = 0.1
    inconclusive: Annotated[
        Inconclusive,
        Meta(
            description="What happens when the evidence does not suffice for longer than patience:"
            " wait, pause (a person decides) or proceed."
        ),
    ] = "wait"
    patience: Annotated[
        Seconds, Meta(description="How long evidence may take, after the shortest time of a step.")
    ] = 86_400.0
    floor: Annotated[
        dict[Metric, Number],
        Meta(description="Bound by metric at which a version is rolled back, champion or not."),
    ] = msgspec.field(default_factory=dict)
    on_floor: Annotated[
        OnFloor,
        Meta(description="A champion under its floor: rollback to the one before, or alert."),
    ] = "alert"
    window: Annotated[
        Duration, Meta(description="After what time the watch over the floor begins anew.")
    ] = 86_400.0

    def contradictions(self) -> Iterator[str]:
        steps = f"rollout.steps = {list(self.steps)}"
        if not self.steps or self.steps[-1] != 1:
            yield f"{steps}: the last step must be 1, all of the traffic"
        if self.steps and self.steps[0] == 1:
            yield (
                f"{steps}: nothing would answer beside the first step to compare it with; put a"
                ' smaller one first; all at once is rollout.strategy = "blue-green", without steps'
            )
        for before, after in pairwise(self.steps):
            if after <= before:
                yield f"{steps}: steps must rise, but {after:g} follows {before:g}"
        yield from impossible(self.floor, "rollout.floor")
        yield from self._unwatchable()
        if self.scale == 0 and "mae" in (self.metric, *self.floor):
            yield "rollout.scale = 0: mae needs the error that counts as entirely wrong"
        if self.worse > self.margin:
            yield f"rollout.worse = {self.worse:g} is over rollout.margin = {self.margin:g}"

    def _unwatchable(self) -> Iterator[str]:
        for metric in self.floor:
            if metric.partition(":")[0] not in FLOORS:
                yield (
                    f"rollout.floor.{metric}: it is no mean over rows; watched are accuracy,"
                    " recall:LABEL, precision:LABEL and mae"
                )
