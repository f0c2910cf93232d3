"""Inputs as they come on a bad day, made from those of a good one.

Which disturbances there are follows from the signature: only what may be missing goes missing, only
numbers are noisy, only signals have stretches that are flat. How large they are is measured in
standard deviations of the package's own profile. A value that would leave its declared range is put
at its end, as no server would let it in (``reject``) or would do the same (``clip``); with ``flag``
it stays outside.

A signal keeps its class when a sensor reads a tenth too high. A patient whose every measurement is
a tenth higher is another patient, and a forecast ought to follow its history. So shift and scale
are tried only on signals that are classified, unless the policy says ``everywhere``.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from interlock.package.profile import SIGNAL_LENGTH, Distribution, Elements, Profile, Signal
from interlock.policy import Robustness
from interlock.signature.ranges import limits, takes_whole
from interlock.signature.schema import (
    Classes,
    Input,
    Integer,
    Number,
    Signature,
    Tensor,
    dtype,
)

Array: TypeAlias = NDArray[Any]
Floats: TypeAlias = NDArray[np.float64]
Feed: TypeAlias = dict[str, Array]
Change: TypeAlias = Callable[[Input, Array, Floats, np.random.Generator], Array]


@dataclass(frozen=True)
class Disturbance:
    """One way to disturb an input.

    `touches` says which inputs it is for; `change` gets input, values ``[rows, …]``, the input's
    standard deviation and a source of chance. Numbers come and go as float64.
    """

    name: str
    words: str
    touches: Callable[[Input], bool]
    change: Change


def of(signature: Signature, rules: Robustness) -> tuple[Disturbance, ...]:
    """The disturbances that the policy asks for and that touch an input of `signature`."""
    return tuple(
        one
        for one in (*_all(rules), *_moved(rules, signature))
        if any(one.touches(field) for field in signature.inputs)
    )


def rescaled(*, wider: bool) -> tuple[Disturbance, ...]:
    """All numbers in other units: larger ones and `wider` spread, or smaller, or off their centre.

    Far beyond what a bad day does. No sound model does better with smaller numbers; one that hardly
    minds its inputs does with larger ones.
    """
    units = [
        Disturbance(f"unit {factor:g}", f"all numbers times {factor:g}", is_real, scaled(factor))
        for factor in ((2.0, 10.0, 100.0) if wider else (0.01, 0.1, 0.5))
    ]
    spreads = [
        Disturbance(
            f"spread {factor:g}",
            f"all distances from the mean times {factor:g}",
            is_real,
            _spread_out(factor),
        )
        for factor in ((2.0, 10.0) if wider else (0.1, 0.5))
    ]
    offsets = [
        Disturbance(
            f"offset {way:+g}",
            f"all numbers {abs(way):g} standard deviation {'higher' if way > 0 else 'lower'}",
            is_real,
            shifted(way),
        )
        for way in (() if wider else (-1.0, 1.0))
    ]
    return (*units, *spreads, *offsets)


def disturb(
    feed: Mapping[str, Array],
    disturbance: Disturbance,
    signature: Signature,
    profile: Profile,
    *,
    seed: int,
    within: bool = True,
) -> Feed:
    """`feed` disturbed; the same seed disturbs the same inputs of any model in the same way.

    With `within` numbers stay in their declared range, as the signature's policy says.
    """
    found = dict(feed)
    for field in signature.inputs:
        if disturbance.touches(field):
            words = f"{disturbance.name}/{field.name}".encode()
            random = np.random.default_rng([seed, zlib.crc32(words)])
            spread = _spread(field, profile)
            values = disturbance.change(field, feed[field.name], spread, random)
            found[field.name] = _fitting(field, values, signature, within=within)
    return found


def is_real(field: Input) -> bool:
    """Whether the input holds numbers that can be a little more or less."""
    return isinstance(field, Number | Integer) or (
        isinstance(field, Tensor) and field.dtype != "bool"
    )


def is_signal(field: Input) -> bool:
    """Whether the input is a signal: a tensor of numbers with an axis as long as time."""
    return isinstance(field, Tensor) and is_real(field) and max(field.shape) >= SIGNAL_LENGTH


def scaled(factor: float) -> Change:
    """Every value times `factor`."""
    return lambda _field, values, _spread, _random: values * factor


def shifted(way: float) -> Change:
    """Every value moved by so many standard deviations."""
    return lambda _field, values, spread, _random: values + way * spread


def _spread_out(factor: float) -> Change:
    """Every value so many times as far from the mean of its place."""

    def changed(_field: Input, values: Array, _spread: Floats, _random: Any) -> Array:
        numbers = values.astype(np.float64)
        there = np.isfinite(numbers)
        middle = np.mean(numbers, axis=0, where=there) if there.any() else 0.0
        return middle + factor * (numbers - middle)

    return changed


def _all(rules: Robustness) -> Iterator[Disturbance]:
    if rules.missing:
        words = f"{rules.missing:.0%} of the values that may be missing are"
        yield Disturbance("missing", words, _may_miss, partial(_missing, rules.missing))
    if rules.noise:
        words = f"noise of {rules.noise:g} standard deviations"
        yield Disturbance("noise", words, is_real, partial(_noise, rules.noise))
    yield from _of_signals(rules)


def _moved(rules: Robustness, signature: Signature) -> Iterator[Disturbance]:
    """Shift and scale, where the right answer stays what it was."""
    if not (rules.everywhere or isinstance(signature.output, Classes)):
        return
    touches = is_real if rules.everywhere else is_signal
    for sign, way in (("up", rules.shift), ("down", -rules.shift)) if rules.shift else ():
        words = f"all values {abs(way):g} standard deviations {sign}"
        yield Disturbance(f"shift {sign}", words, touches, shifted(way))
    for sign, factor in (("up", 1 + rules.scale), ("down", 1 - rules.scale)) if rules.scale else ():
        yield Disturbance(f"scale {sign}", f"all values times {factor:g}", touches, scaled(factor))


def _of_signals(rules: Robustness) -> Iterator[Disturbance]:
    made: tuple[tuple[str, float, str, Callable[..., Array]], ...] = (
        ("clipped", rules.clip, f"{rules.clip:.0%} of each signal's range cut off", _clipped),
        ("flat line", rules.flat, f"{rules.flat:.0%} of each signal holds one value", _flat),
        ("dropped", rules.drop, f"{rules.drop:.0%} of the samples read zero", _dropped),
        ("wander", rules.wander, f"a slow wave of {rules.wander:g} standard deviations", _wander),
    )
    for name, amount, words, change in made:
        if amount:
            yield Disturbance(name, words, is_signal, _along(change, amount))


def _may_miss(field: Input) -> bool:
    return bool(getattr(field, "nullable", False))


def _missing(
    share: float, field: Input, values: Array, _spread: Floats, random: np.random.Generator
) -> Array:
    gone = random.random(len(values)) < share
    return np.where(gone, "" if dtype(field) == "str" else np.nan, values)


def _noise(
    amount: float, _field: Input, values: Array, spread: Floats, random: np.random.Generator
) -> Array:
    return values + random.normal(size=values.shape) * amount * spread


def _along(change: Callable[..., Array], amount: float) -> Change:
    """`change` of signals whose last axis is time, whichever axis it is in the tensor."""

    def changed(field: Input, values: Array, spread: Floats, random: np.random.Generator) -> Array:
        assert isinstance(field, Tensor)  # noqa: S101 - `is_signal` chose it
        axis = 1 + int(np.argmax(field.shape))
        lines = np.moveaxis(values.astype(np.float64), axis, -1)
        return np.moveaxis(change(amount, lines, float(np.mean(spread)), random), -1, axis)

    return changed


def _clipped(amount: float, lines: Floats, _spread: float, _random: np.random.Generator) -> Floats:
    low, high = lines.min(axis=-1, keepdims=True), lines.max(axis=-1, keepdims=True)
    cut = amount * (high - low) / 2
    return np.clip(lines, low + cut, high - cut)


def _flat(amount: float, lines: Floats, _spread: float, random: np.random.Generator) -> Floats:
    length = lines.shape[-1]
    held = min(length, max(1, math.ceil(amount * length)))
    start = random.integers(0, length - held + 1, size=(*lines.shape[:-1], 1))
    place = np.arange(length)
    inside = (place >= start) & (place < start + held)
    return np.where(inside, np.take_along_axis(lines, start, axis=-1), lines)


def _dropped(amount: float, lines: Floats, _spread: float, random: np.random.Generator) -> Floats:
    return np.where(random.random(lines.shape) < amount, 0.0, lines)


def _wander(amount: float, lines: Floats, spread: float, random: np.random.Generator) -> Floats:
    phase = random.uniform(0, 2 * np.pi, size=(*lines.shape[:-1], 1))
    turn = np.linspace(0, 2 * np.pi, lines.shape[-1])
    return lines + amount * spread * np.sin(turn + phase)


def _spread(field: Input, profile: Profile) -> Floats:
    """Standard deviation of an input, of each element where the profile knows them apart."""
    entry = profile.inputs.get(field.name)
    match entry:
        case Distribution():
            return np.asarray(entry.deviation or 0.0)
        case Signal():
            return np.asarray(entry.values.deviation or 0.0)
        case Elements() if isinstance(field, Tensor):
            each = [one.deviation or 0.0 for one in entry.elements.values()]
            return np.reshape(each, field.shape) if len(each) == math.prod(field.shape) else _NONE
    return _NONE


def _fitting(field: Input, values: Array, signature: Signature, *, within: bool) -> Array:
    """Back in the dtype of the graph, within what the input takes."""
    kind = dtype(field)
    if kind == "str" or not isinstance(field, Tensor | Number | Integer) or not is_real(field):
        return np.asarray(values, object if kind == "str" else kind)
    declared = within and signature.out_of_range != "flag"
    low, high = limits(field, declared=declared)
    whole = np.round(values) if takes_whole(field) else values
    return np.clip(whole, low, high).astype(kind)


_NONE = np.asarray(0.0)
