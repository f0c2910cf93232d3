"""What a gate found: a verdict, the sentence that explains it, figures, and plots as plain data."""

from __future__ import annotations

from typing import Any, TypeAlias

import msgspec

from interlock.evidence.verdict import Verdict


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """What every plot has: a title, and a sentence under it that says how to read it."""

    title: str
    note: str = ""


class Interval(msgspec.Struct, frozen=True, kw_only=True):
    """One line of an interval plot: a point with its lower and upper limit, where there are any."""

    label: str
    point: float | None
    low: float | None
    high: float | None
    verdict: Verdict | None = None


class Intervals(Part, tag="intervals", frozen=True, kw_only=True):
    """Points with their limits, one below the other, and lines that they must clear.

    `lines` are places on the axis by what they mean, such as ``{"margin": -0.01}``.
    """

    axis: str
    intervals: tuple[Interval, ...]
    lines: dict[str, float] = {}


class Series(msgspec.Struct, frozen=True, kw_only=True):
    """One named line of a line plot."""

    name: str
    x: tuple[float, ...]
    y: tuple[float, ...]


class Lines(Part, tag="lines", frozen=True, kw_only=True):
    """Curves over a common axis, such as memory over time. `level` is a limit across."""

    x_axis: str
    y_axis: str
    series: tuple[Series, ...]
    level: float | None = None


class Bars(Part, tag="bars", frozen=True, kw_only=True):
    """Bars beside each other: for each of `labels` one value of each series, or none.

    `limits` holds the largest value allowed for each label, where there is one.
    """

    axis: str
    labels: tuple[str, ...]
    series: dict[str, tuple[float | None, ...]]
    limits: tuple[float | None, ...] = ()


class Curve(msgspec.Struct, frozen=True, kw_only=True):
    """A model's calibration: mean confidence, share that was right, and rows of each bin."""

    name: str
    confidence: tuple[float, ...]
    share: tuple[float, ...]
    rows: tuple[int, ...]


class Reliability(Part, tag="reliability", frozen=True, kw_only=True):
    """Reliability diagram: a calibrated model's curve lies on the diagonal."""

    curves: tuple[Curve, ...]
    x_axis: str = "mean confidence"
    y_axis: str = "share that was right"


Plot: TypeAlias = Intervals | Lines | Bars | Reliability


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """What one gate found.

    `figures` is JSON-able: a value that is a list of objects becomes a table of the report, any
    other a line of it. `holdout` is the digest of the rows that were looked at, `look` which look
    at them it was for this gate, `alpha` what was left of the error allowed for that look. The
    runner fills in `seconds`.

    Examples
    --------
    >>> Finding(gate="signature", verdict="passed", sentence="Nothing is live yet.").verdict
    'passed'
    """

    gate: str
    verdict: Verdict
    sentence: str
    figures: dict[str, Any] = {}
    plots: tuple[Plot, ...] = ()
    seconds: float = 0.0
    look: int | None = None
    alpha: float | None = None
    holdout: str | None = None
