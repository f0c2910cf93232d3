"""How far two sets of answers to the same rows are apart."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from interlock.gates.caller import Array, Arrays
from interlock.signature.schema import Output, output_names

_SOME = np.finfo(np.float64).tiny


def differences(output: Output, got: Arrays, expected: Arrays) -> NDArray[np.float64]:
    """Largest difference of each row: 0 only where every bit is the same.

    As when a package is built, it is absolute for probabilities, and for values divided by ``1 +
    |expected|``: relative for large numbers. It is infinite where the label is another, or where
    only one of the two is a number.

    >>> from interlock.signature import Value
    >>> one, other = np.array([1.0, 3.0], np.float32), np.array([1.0, 2.0], np.float32)
    >>> differences(Value(), {"value": one}, {"value": other}).tolist()
    [0.0, 0.3333333333333333]
    """
    *labels, numbers = output_names(output)
    found = _apart(got[numbers], expected[numbers], relative=not labels)
    for name in labels:
        found = np.where(got[name] == expected[name], found, np.inf)
    return found


def _apart(got: Array, expected: Array, *, relative: bool) -> NDArray[np.float64]:
    if got.shape != expected.shape:
        return np.full(len(expected), np.inf)
    one, other = _rows(got), _rows(expected)
    scale = 1 + np.abs(other) if relative else 1.0
    with np.errstate(invalid="ignore"):
        apart = np.abs(one - other) / scale
    largest = np.where(np.isnan(apart), np.inf, apart).max(axis=1, initial=0.0)
    same = (_rows_of_bits(got) == _rows_of_bits(expected)).all(axis=1)
    return np.where(same, 0.0, np.maximum(largest, _SOME))


def _rows(values: Array) -> NDArray[np.float64]:
    return values.astype(np.float64).reshape(len(values), -1)


def _rows_of_bits(values: Array) -> NDArray[Any]:
    return np.ascontiguousarray(values, np.float32).view(np.uint32).reshape(len(values), -1)


def told(outputs: Arrays, row: int) -> str:
    """One row's answer, short enough for a sentence."""
    numbers = [values[row] for name, values in outputs.items() if name != "label"]
    shown = ", ".join(f"{number:.9g}" for number in np.ravel(numbers[0])[:8])
    label = f"{outputs['label'][row]} " if "label" in outputs else ""
    return f"{label}[{shown}]"
