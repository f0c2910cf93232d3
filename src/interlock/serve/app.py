"""The bare ASGI callable: a table look-up for the hot addresses, an ordinary app behind it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import structlog

from interlock.engine.session import Outputs
from interlock.errors import EngineError, InternalError, MethodError, RequestError
from interlock.serve import metrics
from interlock.serve.doors import V2, Door, Plain, Reply
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
from interlock.serve.turn import Asked, Turn
from interlock.settings import Settings

_log = structlog.get_logger()


class App:
    """Answers inference requests itself and hands everything else to `others`.

    `swap` replaces all served models at once; requests under way finish with the old ones.
    """

    def __init__(self, settings: Settings, recorder: Recorder, others: Any) -> None:
        self._recorder = recorder
        self._others = others
        self._deadline = settings.deadline
        self._doors: dict[str, Door] = {}
        self.hot: dict[bytes, Door] = {}
        """Raw paths of the doors that `ask` may know an answer for."""
        self._turn = Turn(self.finish)
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
        except Exception as error:  # noqa: BLE001 - every request is answered, see `failed`
            reply = self.failed(door, error)
        length = str(len(reply.body)).encode()
        headers = [(b"content-type", reply.media), (b"content-length", length), *reply.headers]
        await send({"type": "http.response.start", "status": reply.status, "headers": headers})
        await send({"type": "http.response.body", "body": reply.body})

    async def _respond(self, door: Door, scope: Scope, receive: Receive) -> Reply:
        started = time.perf_counter()
        if scope["method"] != "POST":
            raise MethodError(
                "this address takes requests by POST",
                expected="POST",
                got=scope["method"],
                headers={"Allow": "POST"},
            )
        headers = read_headers(scope["headers"], self.body_limit)
        request = door.read(headers, await read_body(receive, self.body_limit))
        served = door.served
        if request.rows <= served.inline_rows:
            return _written(door, request, served.run(request.feed), started)
        deadline = min(headers.deadline or self._deadline, self._deadline)
        outputs = await served.queue(request.feed, request.rows, deadline)
        return _written(door, request, outputs, started)

    def ask(
        self, door: Door, headers: Headers, body: bytes, answer: Callable[[Reply], None]
    ) -> bool:
        """Have a request answered within this turn of the event loop, by a call of `answer`.

        False, and nothing is called, when its model must not run in the event loop.
        """
        started = time.perf_counter()
        try:
            request = door.read(headers, body)
        except Exception as error:  # noqa: BLE001 - every request is answered, see `failed`
            answer(self.failed(door, error))
            return True
        if request.rows > door.served.inline_rows:
            return False
        self._turn.add(Asked(door, request, started, answer))
        return True

    def finish(self, asked: Asked, outputs: Outputs | Exception) -> Reply:
        """The answer to what was asked, from what the engine said."""
        try:
            if isinstance(outputs, Exception):
                return self.failed(asked.door, outputs)
            return _written(asked.door, asked.request, outputs, asked.started)
        except Exception as error:  # noqa: BLE001 - every request is answered, see `failed`
            return self.failed(asked.door, error)

    def failed(self, door: Door, error: Exception) -> Reply:
        """The response to what went wrong: never a traceback, which goes to the log."""
        if not isinstance(error, RequestError):
            said = "the model failed" if isinstance(error, EngineError) else "the server failed"
            _log.error(said, model=door.served.name, exception=outline(error))
            error = InternalError(f"{said} on this request")
        self._recorder.counter(metrics.ERRORS, door.served.name, error.code).add()
        headers = [(name.lower().encode(), text.encode()) for name, text in error.headers.items()]
        return Reply(door.refusal(error), headers=tuple(headers), status=error.status)


def _written(door: Door, request: Any, outputs: Outputs, started: float) -> Reply:
    rows = door.served.rows(outputs)
    reply = door.write(request, outputs, rows)
    door.served.count(rows, started)
    return reply


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
