"""Tables of the gates: what a version must show before it may go on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, get_args

import msgspec
from msgspec import Meta

from interlock.policy.table import Table
from interlock.policy.values import (
    Alpha,
    Amount,
    Bytes,
    Column,
    Count,
    Duration,
    Factor,
    File,
    Gate,
    MaybeCalibration,
    MaybeMetric,
    Metric,
    Number,
    Rate,
    Resamples,
    Seconds,
    Seed,
    Share,
    Switch,
    impossible,
)

GATES: tuple[Gate, ...] = get_args(get_args(Gate)[0])
"""Every gate, in the order in which they run."""
OFFLINE = tuple(gate for gate in GATES if gate != "infra")
"""Gates that need no staging environment."""
HOLDOUT = {"champion", "floor", "slices", "calibration", "robustness"}
"""Gates that judge by the rows of the holdout."""
UNIQUE = {"uniqueItems": True}


class Needs(Table, frozen=True, kw_only=True):
    """Gates that a version must have passed before an alias may point at it."""

    staging: Annotated[
        tuple[Gate, ...],
        Meta(description="Gates needed for the alias staging.", extra_json_schema=UNIQUE),
    ] = OFFLINE
    champion: Annotated[
        tuple[Gate, ...],
        Meta(description="Gates needed for the alias champion.", extra_json_schema=UNIQUE),
    ] = (*OFFLINE, "infra")

    def contradictions(self) -> Iterator[str]:
        for alias in ("staging", "champion"):
            named = getattr(self, alias)
            for gate in sorted({gate for gate in named if named.count(gate) > 1}):
                yield f'gates.needs.{alias} names "{gate}" more than once'


class Integrity(Table, frozen=True, kw_only=True):
    """The files are those that were packaged."""

    require_signature: Annotated[
        Switch, Meta(description="Whether a package must be signed by `public_key`.")
    ] = False
    public_key: Annotated[
        File, Meta(description="File with the public key that signatures are checked against.")
    ] = ""

    def contradictions(self) -> Iterator[str]:
        if self.require_signature and not self.public_key:
            yield (
                "gates.integrity.require_signature = true needs gates.integrity.public_key:"
                " the file with the key to check signatures against"
            )


class Parity(Table, frozen=True, kw_only=True):
    """A real server gives the recorded answers to the golden examples."""

    tolerance: Annotated[Share, Meta(description="Largest difference from a recorded number.")] = (
        1e-6
    )


class Champion(Table, frozen=True, kw_only=True):
    """The challenger against the champion on the same holdout rows."""

    metric: Annotated[MaybeMetric, Meta(description="Metric compared; empty: the primary one.")] = (
        ""
    )
    margin: Annotated[
        Number,
        Meta(
            description="How much worse the challenger may be: over 0 is non-inferiority,"
            " 0 is better, below 0 is better by that much."
        ),
    ] = 0.0
    alpha: Annotated[
        Alpha,
        Meta(description="Chance of passing a challenger that is not good enough, in one holdout."),
    ] = 0.05
    resamples: Annotated[Resamples, Meta(description="Resamples of the paired bootstrap.")] = 2000


class Floor(Table, frozen=True, kw_only=True):
    """Bounds that hold whatever the champion does."""

    alpha: Annotated[Alpha, Meta(description="Chance of passing a model that misses a bound.")] = (
        0.05
    )
    bounds: Annotated[
        dict[Metric, Number],
        Meta(
            description="Bound by metric: a least value, or a largest one where lower is better."
            " The confidence limit has to clear it."
        ),
    ] = msgspec.field(default_factory=dict)

    def contradictions(self) -> Iterator[str]:
        yield from impossible(self.bounds, "gates.floor.bounds")


class Slices(Table, frozen=True, kw_only=True):
    """No declared part of the rows gets worse."""

    columns: Annotated[
        tuple[Column, ...],
        Meta(description="Columns whose values are the slices; the label column is allowed."),
    ] = ()
    metric: Annotated[
        MaybeMetric,
        Meta(description="Metric compared; empty: accuracy for classes, else the primary one."),
    ] = ""
    margin: Annotated[
        Amount, Meta(description="How much worse than the champion a slice may be.")
    ] = 0.05
    alpha: Annotated[
        Alpha, Meta(description="Chance of passing a worse slice, and of failing without one.")
    ] = 0.05
    least: Annotated[Count, Meta(description="Rows that a slice must have to be judged.")] = 30


class Calibration(Table, frozen=True, kw_only=True):
    """Probabilities mean what they say."""

    metric: Annotated[
        MaybeCalibration,
        Meta(
            description="Calibration error judged; empty: ece for classes, that of the last step"
            " for a hazard, none for numbers."
        ),
    ] = ""
    limit: Annotated[Share, Meta(description="Largest calibration error.")] = 0.05
    alpha: Annotated[
        Alpha, Meta(description="Chance of passing a model whose error is over the limit.")
    ] = 0.05


class Robustness(Table, frozen=True, kw_only=True):
    """Inputs as they come on a bad day do little harm. A disturbance of 0 is not tried."""

    metric: Annotated[MaybeMetric, Meta(description="Metric compared; empty: the primary one.")] = (
        ""
    )
    loss: Annotated[
        Amount,
        Meta(
            description="How much of the metric a disturbance may cost. Of an error (mae, log_loss,"
            " brier): which share of the trivial answer's error."
        ),
    ] = 0.1
    worse: Annotated[
        Amount,
        Meta(
            description="How much worse than the champion its disturbed answers may be, as `loss`."
        ),
    ] = 0.05
    alpha: Annotated[
        Alpha,
        Meta(description="Chance of passing a model that loses more, and of failing another."),
    ] = 0.05
    missing: Annotated[
        Share, Meta(description="Share of the values taken away, where they may be missing.")
    ] = 0.1
    noise: Annotated[
        Amount, Meta(description="Noise added, in standard deviations of the input.")
    ] = 0.05
    shift: Annotated[
        Amount, Meta(description="Shift of every value, in standard deviations of the input.")
    ] = 0.1
    scale: Annotated[
        Amount, Meta(description="Change of every value by a factor: 0.1 tries 1.1 and 0.9 times.")
    ] = 0.1
    everywhere: Annotated[
        Switch,
        Meta(
            description="Whether shift and scale are tried not only on signals that are classified,"
            " but also where the right answer moves along: on single numbers, and for models that"
            " answer numbers."
        ),
    ] = False
    clip: Annotated[
        Share, Meta(description="Share of a signal's range cut off, half of it at each end.")
    ] = 0.1
    flat: Annotated[Share, Meta(description="Share of a signal's length that holds one value.")] = (
        0.05
    )
    drop: Annotated[Share, Meta(description="Share of a signal's samples that read zero.")] = 0.02
    wander: Annotated[
        Amount,
        Meta(description="Slow wave added to a signal, in standard deviations of the input."),
    ] = 0.1
    seed: Annotated[Seed, Meta(description="Number that the disturbances follow from.")] = 0


class Budget(Table, frozen=True, kw_only=True):
    """What a server of this version may cost. A limit of 0 is none."""

    size: Annotated[Bytes, Meta(description="Size of the package.")] = 256 * 2**20
    start: Annotated[Seconds, Meta(description="From start of a process to its first answer.")] = (
        10.0
    )
    memory: Annotated[Bytes, Meta(description="Memory of one worker under the load.")] = 2**30
    p50: Annotated[Seconds, Meta(description="Median latency under the load.")] = 0.025
    p99: Annotated[Seconds, Meta(description="Latency under the load that 1 in 100 exceeds.")] = 0.1
    rate: Annotated[Rate, Meta(description="The load, in requests a second.")] = 100.0
    seconds: Annotated[Duration, Meta(description="How long the load lasts.")] = 5.0
    slower: Annotated[
        Factor, Meta(description="How many times the champion's figures are allowed.")
    ] = 1.5
    slack: Annotated[
        Seconds, Meta(description="Difference in latency from the champion that never counts.")
    ] = 0.002


class Infra(Table, frozen=True, kw_only=True):
    """The real server, from the package alone, on the staging holdout."""

    tolerance: Annotated[
        Share, Meta(description="Largest difference from offline scoring; 0: bit for bit.")
    ] = 0.0
    rate: Annotated[Rate, Meta(description="The load, in requests a second.")] = 100.0
    seconds: Annotated[Duration, Meta(description="How long the load lasts.")] = 10.0
    growth: Annotated[Bytes, Meta(description="How much memory may grow under the load.")] = (
        64 * 2**20
    )
    errors: Annotated[Share, Meta(description="Share of requests under load that may fail.")] = 0.0
    restart: Annotated[
        Duration, Meta(description="From a restart to the first answer, at most.")
    ] = 10.0
    swap: Annotated[
        Duration, Meta(description="From a rollback to the first answer of the other version.")
    ] = 5.0


class Gates(Table, frozen=True, kw_only=True):
    """The gates, one table each."""

    needs: Needs = Needs()
    integrity: Integrity = Integrity()
    parity: Parity = Parity()
    champion: Champion = Champion()
    floor: Floor = Floor()
    slices: Slices = Slices()
    calibration: Calibration = Calibration()
    robustness: Robustness = Robustness()
    budget: Budget = Budget()
    infra: Infra = Infra()
