"""What a model answers, in plain values: the one reading of graph outputs for every door."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np

from interlock.errors import EngineError
from interlock.signature.schema import Classes, Output, Value, Vector

Row: TypeAlias = dict[str, Any]
Reader: TypeAlias = Callable[[Sequence[np.ndarray[Any, Any]]], list[Row]]


def reader(output: Output) -> Reader:
    """A function from graph outputs (in `output_names` order) to one plain dict a row.

    Classes give ``label``, ``confidence`` (the probability of that label) and ``probabilities``
    by label; a value gives ``value``; a vector gives ``values`` by step. The function raises
    EngineError when a number in the outputs is not finite, or their shapes or labels are not those
    of `output`.

    Examples
    --------
    >>> read = reader(Classes(labels=("no", "yes")))
    >>> read([np.array(["yes"], object), np.array([[0.25, 0.75]], np.float32)])
    [{'label': 'yes', 'confidence': 0.75, 'probabilities': {'no': 0.25, 'yes': 0.75}}]
    """
    match output:
        case Classes():
            return _fitting(_classes(output))
        case Value():
            return _fitting(_value)
        case Vector():
            return _fitting(_vector(output))


def _fitting(read: Reader) -> Reader:
    """`read`, its failures told as what they are: outputs that the signature does not describe."""

    def checked(outputs: Sequence[np.ndarray[Any, Any]]) -> list[Row]:
        try:
            return read(outputs)
        except (KeyError, TypeError, ValueError) as error:
            raise EngineError(f"the model's answer does not fit its signature: {error!r}") from None

    return checked


def _classes(output: Classes) -> Reader:
    names = tuple(str(label) for label in output.labels)
    position = {label: index for index, label in enumerate(output.labels)}

    def read(outputs: Sequence[np.ndarray[Any, Any]]) -> list[Row]:
        return [
            {
                "label": label,
                "confidence": _finite(row)[position[label]],
                "probabilities": dict(zip(names, row, strict=True)),
            }
            for label, row in zip(outputs[0].tolist(), outputs[1].tolist(), strict=True)
        ]

    return read


def _value(outputs: Sequence[np.ndarray[Any, Any]]) -> list[Row]:
    return [{"value": value} for value in _finite(outputs[0].tolist())]


def _vector(output: Vector) -> Reader:
    steps = output.steps

    def read(outputs: Sequence[np.ndarray[Any, Any]]) -> list[Row]:
        return [
            {"values": dict(zip(steps, _finite(row), strict=True))} for row in outputs[0].tolist()
        ]

    return read


def _finite(numbers: list[float]) -> list[float]:
    """`numbers`, unless NaN or infinity is among them: JSON cannot carry those, nor can people."""
    if not math.isfinite(sum(numbers)):  # the sum of so many float32 cannot overflow a double
        raise EngineError("the model answered a number that is not finite")
    return numbers
