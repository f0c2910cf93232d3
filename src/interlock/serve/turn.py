"""Inference in the event loop: what arrived within one turn of it goes as one batch.

No timer and no thread: the loop hands over the requests of all sockets that had something to read,
and when it has, their models run. A request that comes alone runs alone, at once.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgspec

from interlock.engine.batch import infer
from interlock.engine.session import Outputs
from interlock.serve.doors import Door, Reply
from interlock.serve.request import Headers
from interlock.serve.served import Served

_HOLD = 0.001  # seconds for which answers that are there may wait for others, to leave together


class Posted(msgspec.Struct, frozen=True, gc=False):
    """What a caller sent to a door, and when it came (`time.perf_counter`).

    Where a route chose the door: the `id` of its first row, and the `token` that was drawn by.
    """

    door: Door
    headers: Headers
    body: bytes
    started: float
    id: str | None = None
    token: bytes | None = None


class Asked(msgspec.Struct, frozen=True, gc=False):
    """A request that is read, and how it is answered."""

    posted: Posted
    request: Any
    answer: Callable[[Reply], None]


Result = tuple[Asked, "Outputs | Exception"]


class Turn:
    """Collects requests until the event loop has read all that there was to read.

    `finish` is given requests and what the engine said of each, which may be an error.
    """

    def __init__(self, finish: Callable[[Sequence[Result]], None]) -> None:
        self._finish = finish
        self._asked: list[Asked] = []

    def add(self, asked: Asked) -> None:
        if not self._asked:
            asyncio.get_running_loop().call_soon(self._end)
        self._asked.append(asked)

    def _end(self) -> None:
        asked, self._asked = self._asked, []
        results: list[Result] = []
        held = time.perf_counter()
        for served, batch in _batches(asked):
            found = infer(served.run, [item.request.feed for item in batch])
            results += zip(batch, found, strict=True)
            if time.perf_counter() > held + _HOLD:
                self._finish(results)
                results = []
                held = time.perf_counter()
        if results:
            self._finish(results)


def _batches(asked: list[Asked]) -> Iterator[tuple[Served, list[Asked]]]:
    """Neighbours that one model answers, as many at a time as it is worth while."""
    batch: list[Asked] = []
    rows = 0
    for item in asked:
        served = item.posted.door.served
        if batch and (
            served is not batch[0].posted.door.served or rows + item.request.rows > served.turn_rows
        ):
            yield batch[0].posted.door.served, batch
            batch, rows = [], 0
        batch.append(item)
        rows += item.request.rows
    yield batch[0].posted.door.served, batch
