"""What a look at evidence can end with."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, TypeAlias

Verdict: TypeAlias = Literal["passed", "failed", "inconclusive", "error"]
"""`inconclusive`: the evidence does not suffice. `error`: there was no looking at it."""

BY_WEIGHT: tuple[Verdict, ...] = ("failed", "error", "inconclusive", "passed")
COLOURS: dict[str, str] = {
    "passed": "green",
    "failed": "red",
    "inconclusive": "yellow",
    "error": "magenta",
}
"""How a terminal shows them."""


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """The heaviest of several verdicts; no verdict at all is inconclusive.

    >>> worst(["passed", "inconclusive", "error"])
    'error'
    >>> worst([])
    'inconclusive'
    """
    return min(verdicts, key=BY_WEIGHT.index, default="inconclusive")
