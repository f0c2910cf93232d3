"""The reference profile: how each input and output was distributed when the package was built.

Monitoring compares live traffic with it, so the same functions compute both sides. Pure NumPy.
"""

from __future__ import annotations

from collections import Counter
from typing import Any, TypeAlias

import msgspec
import numpy as np

from interlock.package.manifest import decode
from interlock.signature.schema import (
    Boolean,
    Category,
    Classes,
    Input,
    Output,
    Signature,
    Tensor,
    Text,
    Value,
    Vector,
)

Array: TypeAlias = np.ndarray[Any, Any]

QUANTILES = (0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99)
BINS = 20
SIGNAL_LENGTH = 16
"""A tensor with an axis at least this long is profiled as a signal along it."""
_MOST_SHARES = 100


class Distribution(msgspec.Struct, tag="distribution", frozen=True, kw_only=True):
    """Numbers. `missing` counts NaN; the rest describes what is left, and is empty without it.

    `histogram` holds counts between neighbouring `edges`.
    """

    count: int
    missing: int
    mean: float | None = None
    deviation: float | None = None
    minimum: float | None = None
    maximum: float | None = None
    quantiles: dict[str, float] = {}
    edges: tuple[float, ...] = ()
    histogram: tuple[int, ...] = ()


class Shares(msgspec.Struct, tag="shares", frozen=True, kw_only=True):
    """Categories: the share of each among the values that are there. `other` is the rare rest."""

    count: int
    missing: int
    shares: dict[str, float]
    other: float = 0.0


class Lengths(msgspec.Struct, tag="text", frozen=True, kw_only=True):
    """Free text: how long it is. The text itself is not kept."""

    count: int
    missing: int
    length: Distribution


class Signal(msgspec.Struct, tag="signal", frozen=True, kw_only=True):
    """A signal: all its samples together, and one distribution of each feature of a row."""

    values: Distribution
    features: dict[str, Distribution]


class Elements(msgspec.Struct, tag="elements", frozen=True, kw_only=True):
    """A small tensor or a vector: one distribution of each element, in row-major order."""

    elements: dict[str, Distribution]


Entry: TypeAlias = Distribution | Shares | Lengths | Signal | Elements


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """One entry for each input, and for each output of the graph."""

    rows: int
    inputs: dict[str, Entry]
    outputs: dict[str, Entry]
    format: int = 1

    def to_json(self) -> bytes:
        return msgspec.json.format(msgspec.json.encode(self), indent=1) + b"\n"

    @classmethod
    def from_json(cls, text: bytes) -> Profile:
        """Read what `to_json` wrote; raises FormatError when it cannot be."""
        return decode(text, cls, "profile.json")


def profile(signature: Signature, feed: dict[str, Array], answers: dict[str, Array]) -> Profile:
    """Profile of a feed and the graph's answers to it, both keyed by name."""
    return Profile(
        rows=len(next(iter(feed.values()))),
        inputs={field.name: of_input(field, feed[field.name]) for field in signature.inputs},
        outputs=_outputs(signature.output, answers),
    )


def of_input(field: Input, values: Array) -> Entry:
    """Profile of one input, given as the graph takes it."""
    match field:
        case Tensor(shape=shape) if shape and max(shape) >= SIGNAL_LENGTH:
            return signal(values)
        case Tensor():
            return _elements(values, [str(index) for index in np.ndindex(*field.shape)])
        case Category():
            return shares(values, missing="")
        case Text():
            return _lengths(values)
        case Boolean():
            return shares(_boolean_words(values), missing="")
        case _:
            return distribution(values)


def distribution(values: Array) -> Distribution:
    """Profile of numbers of any shape.

    >>> distribution(np.array([1.0, 3.0, np.nan])).mean
    2.0
    """
    flat = np.asarray(values, dtype=np.float64).reshape(-1)
    there = flat[np.isfinite(flat)]
    missing = len(flat) - len(there)
    if not len(there):
        return Distribution(count=len(flat), missing=missing)
    points = np.quantile(there, QUANTILES)
    edges, counts = _histogram(there)
    return Distribution(
        count=len(flat),
        missing=missing,
        mean=float(there.mean()),
        deviation=float(there.std()),
        minimum=float(there.min()),
        maximum=float(there.max()),
        quantiles={f"{p:g}": float(point) for p, point in zip(QUANTILES, points, strict=True)},
        edges=edges,
        histogram=counts,
    )


def shares(values: Array, *, missing: str | None = None) -> Shares:
    """Profile of categories; values equal to `missing` count as such.

    >>> shares(np.array(["f", "m", "f", ""], object), missing="").shares["m"]
    0.3333333333333333
    """
    there = Counter(str(value) for value in values.tolist() if value != missing)
    total = there.total()
    # Ties by name, so that the same data makes the same bytes.
    ranked = sorted(there.items(), key=lambda item: (-item[1], item[0]))
    kept = {value: count / total for value, count in ranked[:_MOST_SHARES]}
    rest = sum(count for _value, count in ranked[_MOST_SHARES:])
    return Shares(
        count=len(values),
        missing=len(values) - total,
        shares=kept,
        other=rest / total if rest else 0.0,
    )


def signal(values: Array) -> Signal:
    """Profile of signals [rows, ...], taken along their longest axis."""
    features = signal_features(values)
    return Signal(
        values=distribution(values),
        features={name: distribution(feature) for name, feature in features.items()},
    )


def signal_features(values: Array) -> dict[str, Array]:
    """What sums up a signal, one number a row; several channels are averaged.

    ``level`` is the mean, ``amplitude`` the largest value less the smallest, ``flat_share`` the
    share of steps that move by less than a thousandth of the amplitude (1 for a dead sensor),
    ``noise`` the deviation of what a straight line between neighbours does not explain, in the
    signal's own unit.
    """
    axis = 1 + int(np.argmax(values.shape[1:]))
    lines = np.moveaxis(np.asarray(values, np.float64), axis, -1)
    amplitude = lines.max(axis=-1) - lines.min(axis=-1)
    steps = np.abs(np.diff(lines, axis=-1))
    still = steps <= amplitude[..., None] / 1000
    # Second differences of white noise have six times its variance.
    noise = np.diff(lines, n=2, axis=-1).std(axis=-1) / np.sqrt(6)
    found = {
        "level": lines.mean(axis=-1),
        "amplitude": amplitude,
        "flat_share": still.mean(axis=-1),
        "noise": noise,
    }
    return {name: feature.reshape(len(values), -1).mean(axis=1) for name, feature in found.items()}


def _histogram(values: Array) -> tuple[tuple[float, ...], tuple[int, ...]]:
    low, high = float(values.min()), float(values.max())
    width = high / BINS - low / BINS
    # NumPy refuses bins narrower than the numbers' own spacing.
    if low + width <= low or high - width >= high:
        return (low, high), (len(values),)
    counts, edges = np.histogram(values, bins=BINS)
    return tuple(edges.tolist()), tuple(counts.tolist())


def _outputs(output: Output, answers: dict[str, Array]) -> dict[str, Entry]:
    match output:
        case Classes(labels=labels):
            probabilities = answers["probabilities"]
            return {
                "label": shares(answers["label"]),
                "confidence": distribution(probabilities.max(axis=1)),
                "probabilities": _elements(probabilities, [str(label) for label in labels]),
            }
        case Value():
            return {"value": distribution(answers["value"])}
        case Vector(steps=steps):
            return {"values": _elements(answers["values"], list(steps))}


def _elements(values: Array, names: list[str]) -> Elements:
    columns = values.reshape(len(values), -1)
    return Elements(
        elements={name: distribution(columns[:, index]) for index, name in enumerate(names)}
    )


def _lengths(values: Array) -> Lengths:
    lengths = np.array([len(value) for value in values.tolist()], np.float64)
    missing = int((lengths == 0).sum())
    return Lengths(count=len(values), missing=missing, length=distribution(lengths[lengths > 0]))


def _boolean_words(values: Array) -> Array:
    words = np.where(np.asarray(values, np.float64) > 0, "true", "false").astype(object)
    words[np.isnan(np.asarray(values, np.float64))] = ""
    return words
