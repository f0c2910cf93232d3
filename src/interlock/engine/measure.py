"""How fast a graph is, measured when it is loaded, and what follows from that.

Two questions: does one row take so long that it would hold up the event loop (then it runs in a
thread), and does a batch of rows cost less than the rows one by one (then what queued up runs
together)?
"""

from __future__ import annotations

import time
from typing import NamedTuple

import numpy as np

from interlock.engine.session import Feed, Session

_ROWS = 16
_BUDGET = 0.15  # seconds for each of the two timings
_GAIN = 1.25  # a batch must be this much faster a row before batching is worth its bookkeeping


class Measurement(NamedTuple):
    """Seconds for one row alone, and seconds a row within a batch of 16."""

    one: float
    batched: float

    @property
    def batching_pays(self) -> bool:
        return self.one > _GAIN * self.batched


def measure(session: Session, feed: Feed) -> Measurement:
    """Time `session` on the first row of `feed` alone and repeated 16 times.

    The minimum over repetitions is taken: a neighbour on the machine only ever adds time.
    """
    row = {name: values[:1] for name, values in feed.items()}
    batch = {name: np.repeat(values[:1], _ROWS, axis=0) for name, values in feed.items()}
    return Measurement(_fastest(session, row), _fastest(session, batch) / _ROWS)


def _fastest(session: Session, feed: Feed) -> float:
    session.run(feed)
    best = float("inf")
    stop = time.perf_counter() + _BUDGET
    for _ in range(50):
        start = time.perf_counter()
        session.run(feed)
        end = time.perf_counter()
        best = min(best, end - start)
        if end > stop:
            break
    return best
