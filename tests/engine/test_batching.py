"""The engine thread: order, batches, limits, deadlines, failures, and how it ends."""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from interlock.engine import Batcher, Session
from interlock.engine.session import Feed, Outputs
from interlock.errors import DeadlineError, EngineError, OverloadError
from tests.engine.graphs import SIGNATURE, picky, total


class Engine:
    """Doubles numbers; can be held up, and fails on any batch with a negative number in it."""

    def __init__(self) -> None:
        self.batches: list[list[float]] = []
        self.threads: set[str] = set()
        self.free = threading.Event()
        self.free.set()

    def __call__(self, feed: Feed) -> Outputs:
        self.batches.append(feed["x"].tolist())
        self.threads.add(threading.current_thread().name)
        assert self.free.wait(10)
        if (feed["x"] < 0).any():
            raise EngineError("negative")
        return [feed["x"] * 2, feed["x"] + 1]

    @contextmanager
    def held(self) -> Iterator[None]:
        self.free.clear()
        try:
            yield
        finally:
            self.free.set()


def feed(*numbers: float) -> Feed:
    return {"x": np.array(numbers, np.float32)}


_made: list[Batcher] = []


def batcher(run: Callable[[Feed], Outputs], **options: Any) -> Batcher:
    made = Batcher(run, **{"together": True, "row_limit": 64, "queue_limit": 1000, **options})
    _made.append(made)
    return made


@pytest.fixture(autouse=True)
def no_thread_left() -> Iterator[None]:
    """Every test starts and ends without an engine thread."""
    yield
    while _made:
        _made.pop().close()
    asyncio.run(soon(lambda: engine_threads() == 0))


def doubled(outputs: Outputs) -> list[float]:
    first, second = outputs
    assert ((second - 1) * 2 == first).all()
    return first.tolist()  # type: ignore[no-any-return]


async def soon(condition: Callable[[], bool]) -> None:
    """Wait until `condition` holds, at most five seconds."""
    for _ in range(5000):
        if condition():
            return
        await asyncio.sleep(0.001)
    pytest.fail("never came true")


def engine_threads() -> int:
    return sum(thread.name.startswith("engine") for thread in threading.enumerate())


async def ask(one: Batcher, *numbers: float, deadline: float = 10) -> list[float]:
    return doubled(await one.submit(feed(*numbers), len(numbers), deadline))


def queue(one: Batcher, *requests: Awaitable[Any]) -> list[asyncio.Task[Any]]:
    """Start requests in order, each a task of its own."""
    return [asyncio.ensure_future(request) for request in requests]


def test_one_request() -> None:
    """A single request runs at once, alone, in the engine thread."""
    engine = Engine()

    async def main() -> None:
        one = batcher(engine)
        assert await ask(one, 1, 2) == [2, 4]
        one.close()

    asyncio.run(main())
    assert engine.batches == [[1, 2]]
    assert all(name.startswith("engine") for name in engine.threads)


def test_what_queued_up_goes_together() -> None:
    """Requests that came while the engine was busy travel in one batch, in order."""
    engine = Engine()

    async def main() -> list[Any]:
        one = batcher(engine)
        with engine.held():
            tasks = queue(one, ask(one, 1), ask(one, 2, 3), ask(one, 4))
            await soon(lambda: one.waiting == 2)
        return await asyncio.gather(*tasks)

    assert asyncio.run(main()) == [[2], [4, 6], [8]]
    assert engine.batches == [[1], [2, 3, 4]]


def test_row_limit() -> None:
    """A batch stops before the request that would make it too large; a large one goes alone."""
    engine = Engine()

    async def main() -> None:
        one = batcher(engine, row_limit=3)
        with engine.held():
            tasks = queue(
                one, ask(one, 0), ask(one, 1, 2), ask(one, 3, 4), ask(one, 5), ask(one, *range(5))
            )
            await soon(lambda: one.waiting == 4)
        await asyncio.gather(*tasks)

    asyncio.run(main())
    assert engine.batches == [[0], [1, 2], [3, 4, 5], [0, 1, 2, 3, 4]]


def test_one_at_a_time_where_batches_do_not_pay() -> None:
    """Without batching every request runs alone, still in order."""
    engine = Engine()

    async def main() -> None:
        one = batcher(engine, together=False)
        with engine.held():
            tasks = queue(one, *(ask(one, number) for number in range(4)))
            await soon(lambda: one.waiting == 3)
        await asyncio.gather(*tasks)

    asyncio.run(main())
    assert engine.batches == [[0], [1], [2], [3]]


@pytest.mark.parametrize("limit", [0, 2])
def test_full_queue(limit: int) -> None:
    """One more than may wait is refused at once with Retry-After; the others are answered."""
    engine = Engine()

    async def main() -> None:
        one = batcher(engine, queue_limit=limit)
        with engine.held():
            tasks = queue(one, *(ask(one, number) for number in range(limit + 1)))
            await soon(lambda: one.waiting == limit and len(engine.batches) == 1)
            with pytest.raises(OverloadError) as caught:
                await ask(one, 9)
        assert caught.value.headers == {"Retry-After": "1"}
        assert caught.value.status == 503
        assert await asyncio.gather(*tasks) == [[2 * number] for number in range(limit + 1)]
        assert await ask(one, 9) == [18]

    asyncio.run(main())


def test_callers_that_went_leave_room() -> None:
    """Requests whose callers are gone do not keep others out of the queue, nor do they run."""
    engine = Engine()

    async def main() -> None:
        one = batcher(engine, queue_limit=2)
        with engine.held():
            first, gone, late = queue(one, ask(one, 1), ask(one, 2), ask(one, 3, deadline=0.01))
            await soon(lambda: one.waiting == 2)
            gone.cancel()
            with pytest.raises(DeadlineError, match=r"no answer within 0\.01 s"):
                await late
            (fresh,) = queue(one, ask(one, 4))
            await asyncio.sleep(0)
        assert (await first, await fresh) == ([2], [8])
        assert gone.cancelled()

    asyncio.run(main())
    assert engine.batches == [[1], [4]]


def test_deadline_while_running() -> None:
    """A caller is told in time even while the engine is still at it; the next is served."""
    engine = Engine()

    async def main() -> None:
        one = batcher(engine)
        with engine.held():
            started = time.perf_counter()
            with pytest.raises(DeadlineError) as caught:
                await ask(one, 1, deadline=0.02)
            assert time.perf_counter() - started < 2
        assert caught.value.status == 504
        assert await ask(one, 2) == [4]

    asyncio.run(main())


def test_failing_batch_is_tried_one_by_one() -> None:
    """Only the request at fault fails; its neighbours in the batch are answered."""
    engine = Engine()

    async def main() -> list[Any]:
        one = batcher(engine)
        with engine.held():
            tasks = queue(one, ask(one, 0), ask(one, 1), ask(one, -1), ask(one, 2, 3))
            await soon(lambda: one.waiting == 3)
        return await asyncio.gather(*tasks, return_exceptions=True)

    zero, first, bad, last = asyncio.run(main())
    assert (zero, first, last) == ([0], [2], [4, 6])
    assert isinstance(bad, EngineError)
    assert engine.batches == [[0], [1, -1, 2, 3], [1], [-1], [2, 3]]


def test_batch_with_too_few_answers() -> None:
    """Nobody gets a neighbour's answer when a model loses rows."""

    def first_only(rows: Feed) -> Outputs:
        return [rows["x"][:1]]

    async def main() -> list[Any]:
        busy = threading.Event()

        def run(rows: Feed) -> Outputs:
            assert busy.wait(10)
            return first_only(rows)

        one = batcher(run)
        tasks = queue(one, *(one.submit(feed(number), 1, 10) for number in range(3)))
        await soon(lambda: one.waiting == 2)
        busy.set()
        return await asyncio.gather(*tasks)

    assert [outputs[0].tolist() for outputs in asyncio.run(main())] == [[0], [1], [2]]


def test_error_that_is_not_ours() -> None:
    """Even a failure that nobody foresaw reaches the callers, and the thread lives on."""
    calls: list[Feed] = []

    def run(rows: Feed) -> Outputs:
        calls.append(rows)
        if len(calls) == 1:
            raise MemoryError
        return [rows["x"]]

    async def main() -> None:
        one = batcher(run)
        with pytest.raises(MemoryError):
            await one.submit(feed(1), 1, 10)
        assert (await one.submit(feed(2), 1, 10))[0].tolist() == [2]

    asyncio.run(main())


def test_cancelled_caller_while_running() -> None:
    """A caller that leaves while its batch runs disturbs nobody."""
    engine = Engine()

    async def main() -> None:
        one = batcher(engine)
        with engine.held():
            gone, stays = queue(one, ask(one, 1), ask(one, 2))
            await soon(lambda: len(engine.batches) == 1)
            gone.cancel()
        assert await stays == [4]
        with pytest.raises(asyncio.CancelledError):
            await gone

    asyncio.run(main())


def test_closing_while_busy_finishes_the_queue() -> None:
    """Everything that waits is answered before the thread goes."""
    engine = Engine()

    async def main() -> None:
        one = batcher(engine, together=False)
        with engine.held():
            tasks = queue(one, *(ask(one, number) for number in range(5)))
            await soon(lambda: one.waiting == 4)
            one.close()
        assert await asyncio.gather(*tasks) == [[2 * number] for number in range(5)]
        await soon(lambda: engine_threads() == 0)

    asyncio.run(main())


def test_closing_while_idle_releases_the_thread() -> None:
    """An idle engine is gone at once, and closing again does no harm."""

    async def main() -> None:
        one = batcher(Engine())
        await ask(one, 1)
        assert engine_threads() == 1
        one.close()
        one.close()
        await soon(lambda: engine_threads() == 0)

    asyncio.run(main())


def test_unused_batcher_has_no_thread() -> None:
    """A model that runs inline costs no engine thread."""
    one = batcher(Engine())
    assert engine_threads() == 0
    one.close()


def test_request_on_its_way_while_closing() -> None:
    """A request that was being read while its model was swapped out is answered all the same."""

    async def main() -> None:
        one = batcher(Engine())
        one.close()
        assert await ask(one, 3) == [6]
        both = queue(one, ask(one, 4), ask(one, 5))
        assert await asyncio.gather(*both) == [[8], [10]]
        await soon(lambda: engine_threads() == 0)

    asyncio.run(main())


def test_no_answer_is_lost_or_mixed_up(tmp_path: Path) -> None:
    """Thousands of requests of mixed sizes over a real graph: each gets its own answer."""
    session = Session(total(tmp_path / "model.onnx"), SIGNATURE)
    dice = random.Random(7)

    async def client(one: Batcher, number: int) -> int:
        wrong = 0
        for step in range(60):
            rows = dice.randint(1, 5)
            values = np.arange(2 * rows, dtype=np.float32).reshape(rows, 2) + number * 1000 + step
            if dice.random() < 0.2:
                await asyncio.sleep(0)
            (found,) = await one.submit({"x": values}, rows, 10)
            wrong += found.tolist() != values.sum(axis=1).tolist()
        return wrong

    async def main() -> list[int]:
        one = batcher(session.run, row_limit=16)
        found = await asyncio.gather(*(client(one, number) for number in range(32)))
        assert one.waiting == 0
        one.close()
        return found

    assert asyncio.run(main()) == [0] * 32


def test_real_model_that_fails_on_one_row(tmp_path: Path) -> None:
    """ONNX Runtime's own failure on a batch is pinned on the request that caused it."""
    session = Session(picky(tmp_path / "model.onnx"), SIGNATURE)

    async def main() -> list[Any]:
        one = batcher(session.run)
        feeds = [{"x": np.full((1, 2), number, np.float32)} for number in (0, 1, 5, 0)]
        tasks = queue(one, *(one.submit(rows, 1, 10) for rows in feeds))
        return await asyncio.gather(*tasks, return_exceptions=True)

    found = asyncio.run(main())
    assert [isinstance(outputs, EngineError) for outputs in found] == [False, False, True, False]
    assert [outputs[0].tolist() for outputs in found if not isinstance(outputs, Exception)] == [
        [10],
        [20],
        [10],
    ]
