"""The bare ASGI callable: a table look-up for the hot addresses, an ordinary app behind it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import msgspec
import structlog
from msgspec.structs import replace
from uuid_utils import uuid7

from interlock.engine.session import Outputs
from interlock.errors import (
    EngineError,
    InternalError,
    MethodError,
    RequestError,
    UnrecordedError,
)
from interlock.serve import metrics
from interlock.serve.doors import V2, Door, Plain, Reply
from interlock.serve.journal import Journal
from interlock.serve.log import outline
from interlock.serve.metrics import Recorder
from interlock.serve.request import (
    DisconnectedError,
    Headers,
    Receive,
    Scope,
    Send,
    read_body,
    read_headers,
)
from interlock.serve.served import Served
from interlock.serve.turn import Asked, Posted, Result, Turn
from interlock.settings import Settings
from interlock.signature.answers import Row

_log = structlog.get_logger()

_UNREAD = Headers()


class Outcome(msgspec.Struct, frozen=True, gc=False):
    """A reply that may leave once it is on record; `rows` are those it answers, if it does."""

    reply: Reply
    rows: list[Row] | None = None


class App:
    """Answers inference requests itself and hands everything else to `others`.

    `swap` replaces all served models at once; requests under way finish with the old ones. Without
    a `journal` nothing is recorded.
    """

    def __init__(
        self, settings: Settings, recorder: Recorder, others: Any, journal: Journal | None = None
    ) -> None:
        self._recorder = recorder
        self._others = others
        self._journal = journal
        self._deadline = settings.deadline
        self._doors: dict[str, Door] = {}
        self.hot: dict[bytes, Door] = {}
        """Raw paths of the doors that `ask` may know an answer for."""
        self._turn = Turn(self._finish)
        self.body_limit = settings.body_limit
        self.served: dict[str, Served] = {}

    def swap(self, served: dict[str, Served]) -> None:
        doors = _addresses(served)
        self.hot = {path.encode(): door for path, door in doors.items() if door.served.inline_rows}
        self._doors = doors
        self.served = served

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        door = self._doors.get(scope["path"]) if scope["type"] == "http" else None
        if door is None:
            await self._others(scope, receive, send)
            return
        try:
            reply = await self._respond(door, scope, receive)
        except DisconnectedError:
            return
        length = str(len(reply.body)).encode()
        headers = [(b"content-type", reply.media), (b"content-length", length), *reply.headers]
        await send({"type": "http.response.start", "status": reply.status, "headers": headers})
        await send({"type": "http.response.body", "body": reply.body})

    async def _respond(self, door: Door, scope: Scope, receive: Receive) -> Reply:
        posted = Posted(door, _UNREAD, b"", time.perf_counter())
        try:
            _check_method(scope)
            posted = replace(posted, headers=read_headers(scope["headers"], self.body_limit))
            posted = replace(posted, body=await read_body(receive, self.body_limit))
            request = door.read(posted.headers, posted.body)
            outcome = self._answer(posted, request, await self._infer(posted, request))
        except DisconnectedError:
            raise
        except Exception as error:  # noqa: BLE001 - every request is answered, see `_failed`
            outcome = self._failed(posted, error)
        unrecorded = await self._journal.committed() if self._journal else None
        return self._final(posted, outcome, unrecorded)

    async def _infer(self, posted: Posted, request: Any) -> Outputs:
        served = posted.door.served
        if request.rows <= served.inline_rows:
            return served.run(request.feed)
        deadline = min(posted.headers.deadline or self._deadline, self._deadline)
        return await served.queue(request.feed, request.rows, deadline)

    def ask(
        self, door: Door, headers: Headers, body: bytes, answer: Callable[[Reply], None]
    ) -> bool:
        """Have a request answered by a call of `answer`, most often in this turn of the event loop.

        False, and nothing is called, when its model must not run in the event loop.
        """
        posted = Posted(door, headers, body, time.perf_counter())
        try:
            request = door.read(headers, body)
        except Exception as error:  # noqa: BLE001 - every request is answered, see `_failed`
            outcome = self._failed(posted, error)
            self._commit(lambda _unrecorded: answer(outcome.reply))
            return True
        if request.rows > door.served.inline_rows:
            return False
        self._turn.add(Asked(posted, request, answer))
        return True

    def _finish(self, results: Sequence[Result]) -> None:
        """Answer what was asked, from what the engine said, once all of it is on record."""
        done = [(asked, self._outcome(asked, outputs)) for asked, outputs in results]
        self._commit(partial(self._release, done))

    def _outcome(self, asked: Asked, outputs: Outputs | Exception) -> Outcome:
        try:
            if isinstance(outputs, Exception):
                return self._failed(asked.posted, outputs)
            return self._answer(asked.posted, asked.request, outputs)
        except Exception as error:  # noqa: BLE001 - every request is answered, see `_failed`
            return self._failed(asked.posted, error)

    def _release(
        self, done: list[tuple[Asked, Outcome]], unrecorded: UnrecordedError | None
    ) -> None:
        for asked, outcome in done:
            asked.answer(self._final(asked.posted, outcome, unrecorded))

    def _answer(self, posted: Posted, request: Any, outputs: Outputs) -> Outcome:
        rows = posted.door.served.rows(outputs)
        ids = [str(uuid7()) for _ in rows]
        reply = posted.door.write(request, outputs, rows, ids)
        if self._journal:
            latency = time.perf_counter() - posted.started
            self._journal.answered(posted, request, rows, ids, latency)
        return Outcome(reply, rows)

    def _commit(self, heard: Callable[[UnrecordedError | None], None]) -> None:
        if self._journal:
            self._journal.commit(heard)
        else:
            heard(None)

    def _final(self, posted: Posted, outcome: Outcome, unrecorded: UnrecordedError | None) -> Reply:
        """What leaves in the end: an answer that is not on record becomes a refusal."""
        if outcome.rows is None:
            return outcome.reply
        if unrecorded is not None:
            return self._failed(posted, unrecorded).reply
        posted.door.served.count(outcome.rows, posted.started)
        return outcome.reply

    def _failed(self, posted: Posted, error: Exception) -> Outcome:
        """The response to what went wrong: never a traceback, which goes to the log."""
        door = posted.door
        if not isinstance(error, RequestError):
            said = "the model failed" if isinstance(error, EngineError) else "the server failed"
            _log.error(said, model=door.served.name, exception=outline(error))
            error = InternalError(f"{said} on this request")
        self._recorder.counter(metrics.ERRORS, door.served.name, error.code).add()
        if self._journal:
            self._journal.failed(posted, error)
        headers = [(name.lower().encode(), text.encode()) for name, text in error.headers.items()]
        return Outcome(Reply(door.refusal(error), headers=tuple(headers), status=error.status))


def _check_method(scope: Scope) -> None:
    if scope["method"] != "POST":
        raise MethodError(
            "this address takes requests by POST",
            expected="POST",
            got=scope["method"],
            headers={"Allow": "POST"},
        )


def _addresses(served: dict[str, Served]) -> dict[str, Door]:
    doors: dict[str, Door] = {}
    for name, model in served.items():
        plain, v2 = Plain(model), V2(model)
        doors[f"/predict/{name}"] = plain
        doors[f"/v2/models/{name}/infer"] = v2
        doors[f"/v2/models/{name}/versions/{model.version}/infer"] = v2
        if len(served) == 1:
            doors["/predict"] = plain
    return doors
