"""The clock of rollouts: the only place where they ask what time it is."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeAlias

Clock: TypeAlias = Callable[[], int]
"""Gives the present moment in microseconds since 1970, UTC."""

SECOND = 1_000_000


def system() -> int:
    """The machine's clock."""
    return time.time_ns() // 1000


def micros(seconds: float) -> int:
    """Seconds in microseconds.

    >>> micros(0.5)
    500000
    """
    return round(seconds * SECOND)


def lasted(microseconds: int) -> str:
    """A duration in words.

    >>> lasted(90 * SECOND), lasted(36 * 3600 * SECOND)
    ('90 s', '36 h')
    """
    seconds = microseconds / SECOND
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.0f} h"
