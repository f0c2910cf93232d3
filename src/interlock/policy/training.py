"""Tables about rows, their splits, training and the metrics that judge it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import combinations
from typing import Annotated

from msgspec import Meta

from interlock.policy.table import Table
from interlock.policy.values import (
    Assign,
    By,
    Column,
    Count,
    File,
    Function,
    MaybeColumn,
    MaybeFunction,
    MaybeMetric,
    Metric,
    Seconds,
    Seed,
    Share,
    Source,
    Step,
    Whole,
)

PARTS = ("train", "validation", "test", "holdout", "staging")
"""The parts that rows are split into, in the order of time when they are split by it."""


class Data(Table, frozen=True, kw_only=True):
    """Where the rows come from, and which column is what."""

    source: Annotated[
        Source,
        Meta(
            description="File with the rows (Parquet, CSV), or the project's own"
            ' "module:function" that returns them.'
        ),
    ] = ""
    label: Annotated[Column, Meta(description="Column with the answer to learn.")] = "label"
    time: Annotated[MaybeColumn, Meta(description="Column with the time of a row.")] = ""
    group: Annotated[
        MaybeColumn,
        Meta(description="Column that rows which are not independent share, such as a patient."),
    ] = ""
    event: Annotated[
        MaybeColumn,
        Meta(description="Column that is true where the end of a duration was seen."),
    ] = ""
    drop: Annotated[
        tuple[Column, ...], Meta(description="Columns that the model does not take.")
    ] = ()
    holdout: Annotated[
        File, Meta(description="File with holdout rows that takes the place of the split's own.")
    ] = ""
    staging: Annotated[
        File,
        Meta(description="File with staging holdout rows that takes the place of the split's own."),
    ] = ""

    def contradictions(self) -> Iterator[str]:
        roles = {role: getattr(self, role) for role in ("label", "time", "group", "event")}
        for one, other in combinations(roles, 2):
            if roles[one] and roles[one] == roles[other]:
                yield f'data.{one} and data.{other} are both "{roles[one]}": one column, one role'
        for role in ("label", "event"):
            if roles[role] in self.drop:
                yield (
                    f'data.drop names "{roles[role]}", which is data.{role}: models never take it,'
                    " so it need not be dropped"
                )


class Splits(Table, frozen=True, kw_only=True):
    """Which share of the rows goes to what; the shares sum to 1."""

    by: Annotated[
        By,
        Meta(
            description="What stays together: single rows, a stretch of time (the latest rows are"
            " the holdouts), or all rows of a group."
        ),
    ] = "row"
    assign: Annotated[
        Assign,
        Meta(
            description="Balanced: every part has its share of each class. Hash: a row, or group,"
            " goes where a hash of it says, and stays there when data grow."
        ),
    ] = "balanced"
    train: Annotated[Step, Meta(description="Share to fit on.")] = 0.6
    validation: Annotated[Share, Meta(description="Share for early stopping and pruning.")] = 0.1
    test: Annotated[Share, Meta(description="Share that chooses between tuned models.")] = 0.1
    holdout: Annotated[
        Share, Meta(description="Share that judges a challenger against the champion.")
    ] = 0.1
    staging: Annotated[Share, Meta(description="Share that is replayed in staging.")] = 0.1
    seed: Annotated[Seed, Meta(description="Number that the shuffling follows from.")] = 0

    def shares(self) -> dict[str, float]:
        """Share by part, in the order of `PARTS`.

        >>> Splits().shares()
        {'train': 0.6, 'validation': 0.1, 'test': 0.1, 'holdout': 0.1, 'staging': 0.1}
        """
        return {part: getattr(self, part) for part in PARTS}

    def contradictions(self) -> Iterator[str]:
        total = math.fsum(self.shares().values())
        if abs(total - 1) > 1e-9:
            written = " + ".join(f"{share:g}" for share in self.shares().values())
            yield f"splits: {' + '.join(PARTS)} must sum to 1, and {written} is {total:g}"
        if self.by == "time" and self.assign == "hash":
            yield (
                'splits.assign = "hash" goes with splits.by = "row" or "group":'
                " parts that follow each other in time cannot be drawn"
            )


class Train(Table, frozen=True, kw_only=True):
    """How `interlock train` gets a model."""

    fit: Annotated[Function, Meta(description="The project's function that fits a model.")] = (
        "train:fit"
    )
    signature: Annotated[
        MaybeFunction,
        Meta(description="The project's function that gives the signature; empty: inferred."),
    ] = ""


class Tune(Table, frozen=True, kw_only=True):
    """How `interlock tune` looks for better settings."""

    space: Annotated[
        Function, Meta(description="The project's function that suggests settings for a trial.")
    ] = "train:space"
    trials: Annotated[Count, Meta(description="Settings to try, those before a kill included.")] = (
        50
    )
    timeout: Annotated[
        Seconds, Meta(description="Longest time for all trials together; 0: no limit.")
    ] = 0.0
    startup: Annotated[
        Whole, Meta(description="Trials drawn at random, and never pruned, before the search.")
    ] = 10
    top: Annotated[
        Count, Meta(description="Best trials on validation that are judged on test.")
    ] = 5
    seed: Annotated[Seed, Meta(description="Number that the search follows from.")] = 0


class Metrics(Table, frozen=True, kw_only=True):
    """What a model is judged by."""

    primary: Annotated[
        MaybeMetric,
        Meta(
            description="The metric that decides; empty: f1_macro for classes, mae for a number or"
            " a forecast, hazard_brier for a hazard."
        ),
    ] = ""
    also: Annotated[
        tuple[Metric, ...], Meta(description="Further metrics to report beside it.")
    ] = ()
