"""Shadows: versions that answer requests a second time, to nobody but the journal.

A shadow begins when the caller has its answer, in a thread of its own. It may wait, be too late or
fail, and then it is left out and counted: whoever was answered never notices.
"""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Any, NamedTuple

import msgspec
import structlog
from msgspec.structs import replace

from interlock.errors import EngineError, InternalError, JournalError, RequestError
from interlock.routing.pick import Draw
from interlock.serve import metrics
from interlock.serve.doors import Door
from interlock.serve.journal import Journal
from interlock.serve.log import outline
from interlock.serve.metrics import Recorder
from interlock.serve.served import Served
from interlock.serve.turn import Posted
from interlock.settings import Settings
from interlock.signature.answers import Row

_log = structlog.get_logger()

_SILENCE = 1.0  # seconds between two lines in the log about one shadow


class Answered(msgspec.Struct, frozen=True, gc=False):
    """A request whose caller has its answer: ids of its rows, and when it came (µs since 1970)."""

    posted: Posted
    ids: list[str]
    moment: int


class Second(NamedTuple):
    """What a shadow answered, and the seconds that it took."""

    request: Any
    rows: list[Row]
    latency: float


class LateError(Exception):
    """There is no time left for a request."""


class Lane:
    """One version in the shadow of one deployment. Lives on one event loop.

    It takes on what has room in the queue: so many requests, and no more than two of the largest
    bodies together.
    """

    def __init__(
        self, served: Served, journal: Journal, settings: Settings, recorder: Recorder
    ) -> None:
        self._served = served
        self._journal = journal
        self._queue_limit = settings.shadow_queue
        self._deadline = settings.shadow_deadline
        self._room = 2 * settings.body_limit
        self._waiting = 0
        self._closed = False
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="shadow")
        self._counters = {
            outcome: recorder.counter(metrics.SHADOWS, served.name, served.version, outcome)
            for outcome in ("recorded", "failed", "full", "late", "unrecorded")
        }
        self._spoke = -_SILENCE

    def take(self, door: Door, answered: Answered) -> None:
        """Answer at `door` what was answered, when there is time."""
        size = len(answered.posted.body)
        if self._closed or self._waiting >= self._queue_limit or size > self._room:
            self._counters["full"].add()
            return
        self._waiting += 1
        self._room -= size
        answered = replace(answered, posted=replace(answered.posted, door=door))
        due = time.perf_counter() + self._deadline
        done = self._executor.submit(self._answer, answered.posted, len(answered.ids), due)
        loop = asyncio.get_running_loop()

        def told(future: Future[Second]) -> None:
            with suppress(RuntimeError):  # the loop has ended, and the worker with it
                loop.call_soon_threadsafe(self._finish, answered, future)

        done.add_done_callback(told)

    def close(self) -> None:
        """Take nothing more. What waits is left out; what runs runs to its end."""
        self._closed = True
        self._executor.shutdown(wait=False, cancel_futures=True)

    def _answer(self, posted: Posted, rows: int, due: float) -> Second:
        """Called in the shadow's thread."""
        started = time.perf_counter()
        if started > due:
            raise LateError
        request = posted.door.read(posted.headers, posted.body)
        found = self._served.rows(self._served.run(request.feed))
        if len(found) != rows:
            raise EngineError(f"the model was given {rows} rows and answered {len(found)}")
        ended = time.perf_counter()
        if ended > due:
            raise LateError
        return Second(request, found, ended - started)

    def _finish(self, answered: Answered, future: Future[Second]) -> None:
        """Put on record what the thread has found; called in the event loop."""
        self._waiting -= 1
        self._room += len(answered.posted.body)
        if not self._closed:
            self._counters[self._outcome(answered, future)].add()

    def _outcome(self, answered: Answered, future: Future[Second]) -> str:
        try:
            second = future.result()
            self._journal.shadowed(answered.posted, second, answered.ids, answered.moment)
        except LateError:
            return "late"
        except JournalError as error:
            self._complain("a shadow's answer cannot be put on record", error)
            return "unrecorded"
        except Exception as error:  # noqa: BLE001 - a shadow may fail as it likes
            self._complain("a shadow failed", error)
            self._journal.unshadowed(answered.posted, _told(error), answered.moment)
            return "failed"
        return "recorded"

    def _complain(self, said: str, error: Exception) -> None:
        now = time.monotonic()
        if now > self._spoke + _SILENCE:
            self._spoke = now
            version = self._served.version
            _log.error(said, model=self._served.name, version=version, exception=outline(error))


class Shadowing(NamedTuple):
    """That a share of what a door answers is answered at `door` again; all without a `draw`."""

    lane: Lane
    door: Door
    share: float
    draw: Draw | None

    def take(self, answered: Answered) -> None:
        """Have it answered again, if it is in the share."""
        token = answered.posted.token or answered.ids[0].encode()
        if self.draw is None or self.draw(token) < self.share:
            self.lane.take(self.door, answered)


def _told(error: Exception) -> RequestError:
    """`error` as it would have been told to a caller."""
    return error if isinstance(error, RequestError) else InternalError("the shadow failed")
