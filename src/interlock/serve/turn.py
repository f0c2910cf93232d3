"""Inference in the event loop: what arrived within one turn of it goes as one batch.

No timer and no thread: the loop hands over the requests of all sockets that had something to read,
and when it has, their models run. A request that comes alone runs alone, at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from interlock.engine.batch import infer
from interlock.engine.session import Outputs
from interlock.serve.doors import Door, Reply
from interlock.serve.served import Served


class Asked(NamedTuple):
    """A request that is read, when it came (`time.perf_counter`), and how it is answered."""

    door: Door
    request: Any
    started: float
    answer: Callable[[Reply], None]


class Turn:
    """Collects requests until the event loop has read all that there was to read.

    `finish` makes a reply of what was asked and of what the engine said, which may be an error.
    """

    def __init__(self, finish: Callable[[Asked, Outputs | Exception], Reply]) -> None:
        self._finish = finish
        self._asked: list[Asked] = []

    def add(self, asked: Asked) -> None:
        if not self._asked:
            asyncio.get_running_loop().call_soon(self._end)
        self._asked.append(asked)

    def _end(self) -> None:
        asked, self._asked = self._asked, []
        for served, batch in _batches(asked):
            results = infer(served.run, [item.request.feed for item in batch])
            for item, result in zip(batch, results, strict=True):
                item.answer(self._finish(item, result))


def _batches(asked: list[Asked]) -> Iterator[tuple[Served, list[Asked]]]:
    """Neighbours that one model answers, as many at a time as it is worth while."""
    batch: list[Asked] = []
    rows = 0
    for item in asked:
        served = item.door.served
        if batch and (
            served is not batch[0].door.served or rows + item.request.rows > served.turn_rows
        ):
            yield batch[0].door.served, batch
            batch, rows = [], 0
        batch.append(item)
        rows += item.request.rows
    yield batch[0].door.served, batch
