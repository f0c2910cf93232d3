"""Inference in a thread of its own, with natural batching.

No timer: while the engine is busy, requests queue up; when it is free, what has queued up goes as
one batch (or, where a measurement showed that batches do not pay, one request at a time).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from interlock.engine.batch import infer
from interlock.engine.session import Feed, Outputs
from interlock.errors import DeadlineError, OverloadError


class _Waiting:
    """One request in the queue."""

    __slots__ = ("answer", "feed", "rows", "timer")

    def __init__(
        self,
        feed: Feed,
        rows: int,
        answer: asyncio.Future[Outputs],
        timer: asyncio.TimerHandle,
    ) -> None:
        self.feed = feed
        self.rows = rows
        self.answer = answer
        self.timer = timer


class Batcher:
    """Queues requests for one engine thread. Lives on one event loop.

    Parameters
    ----------
    run
        Feed → outputs; called in the engine thread.
    together
        Whether requests that wait are put into one batch.
    row_limit
        Most rows in such a batch. A single request with more rows still runs, alone.
    queue_limit
        Requests that may wait; one more is refused with `OverloadError`.
    """

    def __init__(
        self,
        run: Callable[[Feed], Outputs],
        *,
        together: bool,
        row_limit: int,
        queue_limit: int,
    ) -> None:
        self._run = run
        self._row_limit = row_limit if together else 1
        self._queue_limit = queue_limit
        self._queue: deque[_Waiting] = deque()
        self._executor: ThreadPoolExecutor | None = None
        self._busy = False
        self._closed = False

    @property
    def waiting(self) -> int:
        """Requests in the queue, without those that run now."""
        return len(self._queue)

    async def submit(self, feed: Feed, rows: int, deadline: float) -> Outputs:
        """Outputs for `feed`, whatever batch it travels in.

        Raises
        ------
        OverloadError
            At once, when the queue is full.
        DeadlineError
            When `deadline` seconds pass before the answer is there.
        EngineError
            When the model fails on this very feed: a failed batch is tried again one by one.
        """
        if self._full():
            raise OverloadError(
                f"{len(self._queue)} requests are waiting already", headers={"Retry-After": "1"}
            )
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Outputs] = loop.create_future()
        timer = loop.call_later(deadline, _expire, answer, deadline)
        self._queue.append(_Waiting(feed, rows, answer, timer))
        if not self._busy:
            self._start()
        try:
            return await answer
        finally:
            timer.cancel()

    def close(self) -> None:
        """Let go of the engine thread whenever the queue is empty.

        A request that was on its way here meanwhile is still answered.
        """
        self._closed = True
        if not self._busy:
            self._release()

    def _full(self) -> bool:
        if not self._busy or len(self._queue) < self._queue_limit:
            return False
        for _ in range(len(self._queue)):  # those whose callers have gone wait for nothing
            item = self._queue.popleft()
            if not item.answer.done():
                self._queue.append(item)
        return len(self._queue) >= self._queue_limit

    def _release(self) -> None:
        if self._executor:
            self._executor.shutdown(wait=False)
            self._executor = None

    def _start(self) -> None:
        batch = self._take()
        self._busy = bool(batch)
        if not batch:
            if self._closed:
                self._release()
            return
        loop = asyncio.get_running_loop()
        self._executor = self._executor or ThreadPoolExecutor(1, thread_name_prefix="engine")
        done = self._executor.submit(infer, self._run, [item.feed for item in batch])
        done.add_done_callback(
            lambda future: loop.call_soon_threadsafe(self._finish, batch, future)
        )

    def _take(self) -> list[_Waiting]:
        batch: list[_Waiting] = []
        rows = 0
        while self._queue:
            item = self._queue[0]
            if item.answer.done():  # it passed its deadline, or its caller has gone
                self._queue.popleft()
                continue
            if batch and rows + item.rows > self._row_limit:
                break
            batch.append(self._queue.popleft())
            rows += item.rows
        return batch

    def _finish(self, batch: list[_Waiting], future: Future[list[Outputs | Exception]]) -> None:
        failure = future.exception()
        results: list[Any] = [failure] * len(batch) if failure else future.result()
        for item, result in zip(batch, results, strict=True):
            if item.answer.done():
                continue
            if isinstance(result, BaseException):
                item.answer.set_exception(result)
            else:
                item.answer.set_result(result)
        self._start()


def _expire(answer: asyncio.Future[Outputs], deadline: float) -> None:
    if not answer.done():
        answer.set_exception(DeadlineError(f"no answer within {deadline:g} s"))
