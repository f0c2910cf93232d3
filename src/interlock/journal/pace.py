"""How fast a lane moves: unhurried where others wait for the machine and nothing is late yet.

What lies in the spool is safe. So a burst of requests is not slowed down by moving each of them at
once: it is moved a little later, and before anybody could miss it.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import NamedTuple

SHARE = 0.05
"""Of one core, at most, on a busy machine, for records that are not late."""

LATE = 3.0
"""Seconds after which a record is late. None becomes so because of a rest."""

_CROWDED = 1.0  # seconds of waiting for a core, for each second on one, that tell a busy machine


class Spent(NamedTuple):
    """Seconds that a thread has had a core, and that it has waited for one."""

    worked: float
    waited: float

    def since(self, before: Spent) -> Spent:
        return Spent(self.worked - before.worked, self.waited - before.waited)


def spent() -> Spent:
    """What the calling thread has spent so far; no waiting where the system does not tell it."""
    try:
        worked, waited, *_ = map(int, Path("/proc/thread-self/schedstat").read_text().split())
    except (OSError, ValueError):
        return Spent(time.thread_time(), 0.0)
    return Spent(worked / 1e9, waited / 1e9)


def rest(spent: Spent, age: float) -> float:
    """Seconds to rest after a piece of work, when the last record of it came `age` seconds ago.

    >>> crowded = Spent(worked=0.1, waited=0.2)
    >>> [round(rest(crowded, age), 2) for age in (0.3, 2.5, 3.0, 60.0)]
    [1.9, 0.5, 0.0, 0.0]
    >>> rest(Spent(worked=0.1, waited=0.001), 0.3)
    0.0
    """
    # A clock that was set back makes a record come from the future: nobody knows how old it is.
    if age < 0 or spent.waited < spent.worked * _CROWDED:
        return 0.0
    return max(0.0, min(LATE - age, spent.worked * (1 / SHARE - 1)))
