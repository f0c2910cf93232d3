"""The bare ASGI callable: a table look-up for the hot addresses, an ordinary app behind it."""

from __future__ import annotations

from typing import Any

import structlog

from interlock.errors import EngineError, InternalError, MethodError, RequestError
from interlock.serve import metrics
from interlock.serve.doors import V2, Answer, Door, Plain, json_headers
from interlock.serve.metrics import Recorder
from interlock.serve.request import Disconnected, Receive, Scope, Send
from interlock.serve.served import Served
from interlock.settings import Settings

_log = structlog.get_logger()


class App:
    """Answers inference requests itself and hands everything else to `others`.

    `swap` replaces all served models at once; requests under way finish with the old ones.
    """

    def __init__(self, settings: Settings, recorder: Recorder, others: Any) -> None:
        self._settings = settings
        self._recorder = recorder
        self._others = others
        self._doors: dict[str, Door] = {}
        self.served: dict[str, Served] = {}

    def swap(self, served: dict[str, Served]) -> None:
        self._doors = _addresses(served, self._settings)
        self.served = served

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        door = self._doors.get(scope["path"]) if scope["type"] == "http" else None
        if door is None:
            await self._others(scope, receive, send)
            return
        status = 200
        try:
            if scope["method"] != "POST":
                raise MethodError(
                    "this address takes requests by POST",
                    expected="POST",
                    got=scope["method"],
                    headers={"Allow": "POST"},
                )
            headers, body = await door.answer(scope, receive)
        except RequestError as error:
            status = error.status
            headers, body = self.refuse(door, error)
        except Disconnected:
            return
        except Exception as error:
            # Whatever goes wrong, the caller gets an answer without a traceback and the worker
            # lives on; the traceback goes to the log.
            said = "the model failed" if isinstance(error, EngineError) else "the server failed"
            _log.exception(said, model=door.name)
            status = 500
            headers, body = self.refuse(door, InternalError(f"{said} on this request"))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def refuse(self, door: Door, error: RequestError) -> Answer:
        self._recorder.counter(metrics.ERRORS, door.name, error.code).add()
        body = door.refusal(error)
        extra = [(name.lower().encode(), text.encode()) for name, text in error.headers.items()]
        return Answer(json_headers(body) + extra, body)


def _addresses(served: dict[str, Served], settings: Settings) -> dict[str, Door]:
    doors: dict[str, Door] = {}
    for name, model in served.items():
        plain, v2 = Plain(model, settings), V2(model, settings)
        doors[f"/predict/{name}"] = plain
        doors[f"/v2/models/{name}/infer"] = v2
        doors[f"/v2/models/{name}/versions/{model.version}/infer"] = v2
        if len(served) == 1:
            doors["/predict"] = plain
    return doors
