"""Whether what a model gives for probabilities can be such."""

from __future__ import annotations

import numpy as np

from interlock.errors import ConversionError
from interlock.package.convert.converted import Answers

TOLERANCE = 1e-3
"""How far a probability may be outside of 0 to 1, and the sum of a row's from 1."""


def check(answers: Answers) -> Answers:
    """`answers` as they are.

    Raises
    ------
    ConversionError
        When they have probabilities that cannot be: logits, most likely.

    Examples
    --------
    >>> check({"probabilities": np.array([[-1.5, 2.5]])})
    Traceback (most recent call last):
    interlock.errors.ConversionError: the model's answer to row 0, -1.5, 2.5, is no probabilities...
    """
    chances = answers.get("probabilities")
    if chances is None:
        return answers
    outside = ((chances < -TOLERANCE) | (chances > 1 + TOLERANCE)).any(axis=1)
    impossible = outside | (np.abs(chances.sum(axis=1) - 1) > TOLERANCE)
    if impossible.any():
        row = int(np.argmax(impossible))
        raise ConversionError(_complaint(row, ", ".join(f"{c:.4g}" for c in chances[row][:6])))
    return answers


def _complaint(row: int, values: str) -> str:
    return (
        f"the model's answer to row {row}, {values}, is no probabilities: they are between 0 and 1 "
        "and add up to 1. If these are a network's logits, give activation softmax, or sigmoid for "
        "a single column; if several labels can hold at once, the output is a Vector, not Classes"
    )
