"""The numbers that an input takes, and what the policies `clip` and `flag` do with the others.

A comparison with a bound is made in the graph's own precision, so that the float32 nearest to a
bound is inside it through every door.
"""

from __future__ import annotations

import math
from typing import Any, TypeAlias

import numpy as np

from interlock.signature.schema import Integer, Number, Signature, Tensor, bounds, capacity, dtype

Flags: TypeAlias = list[dict[str, str]]
Numeric: TypeAlias = Tensor | Number | Integer


def limits(field: Numeric, *, declared: bool) -> tuple[float, float]:
    """Least and greatest number that becomes an acceptable value of `field` in the graph.

    With `declared` the declared range counts, else only what the graph's dtype can hold. Both
    ends are ints where the field takes whole numbers.

    >>> limits(Integer(name="age", minimum=0), declared=True)
    (0, 9223372036854775807)
    """
    low, high = capacity(field)
    stated = bounds(field) if declared else None
    if stated:
        low, high = max(low, stated[0]), min(high, stated[1])
    if dtype(field) == "float32":
        low, high = -_last_rounding_to(-low), _last_rounding_to(high)
    if not takes_whole(field):
        return low, high
    least, most = capacity(field)
    return max(least, math.ceil(low)), min(most, math.floor(high))


def takes_whole(field: Numeric) -> bool:
    """Whether only whole numbers will do."""
    return isinstance(field, Integer) or dtype(field).startswith("int")


class Ranges:
    """The declared ranges of a signature that clips or flags; falsy when there is nothing to do.

    With the policy `reject` the decoders refuse what lies outside, so nothing is left to do here.
    """

    def __init__(self, signature: Signature) -> None:
        self._clip = signature.out_of_range == "clip"
        self._limits: list[tuple[str, Any, Any]] = []
        for field in signature.inputs if signature.out_of_range != "reject" else ():
            if isinstance(field, Tensor | Number | Integer) and bounds(field):
                kind = np.dtype(dtype(field)).type
                low, high = limits(field, declared=True)
                self._limits.append((field.name, kind(low), kind(high)))

    def __bool__(self) -> bool:
        return bool(self._limits)

    def apply(self, feed: dict[str, np.ndarray[Any, Any]]) -> Flags | None:
        """Clip or flag in place; one dict a row, or None when every value is inside its range."""
        flags: Flags | None = None
        for name, low, high in self._limits:
            values = feed[name]
            if values.min() >= low and values.max() <= high:
                continue
            outside = ((values < low) | (values > high)).reshape(len(values), -1).any(axis=1)
            if not outside.any():  # a missing value (NaN) is not out of range
                continue
            flags = flags or [{} for _ in values]
            for row in np.flatnonzero(outside):
                flags[row][name] = "clipped" if self._clip else "out_of_range"
            if self._clip:
                feed[name] = np.clip(values, low, high)
        return flags


def _last_rounding_to(bound: float) -> float:
    """The greatest double that becomes the same float32 as `bound`, or a smaller one."""
    with np.errstate(over="ignore"):
        nearest = np.float32(bound)
        above = float(np.nextafter(nearest, np.float32(np.inf)))
        middle = (float(nearest) + min(above, 2.0**128)) / 2
        return middle if np.float32(middle) <= nearest else math.nextafter(middle, -math.inf)
