"""The bare ASGI callable: a table look-up for the hot addresses, an ordinary app behind it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
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
from interlock.journal.hashing import Hasher
from interlock.serve import metrics, ways
from interlock.serve.doors import V2, Door, Plain, Reply
from interlock.serve.journal import Journal
from interlock.serve.lineup import Lineup
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
from interlock.serve.shadow import Answered, Lane
from interlock.serve.turn import Asked, Posted, Result, Turn
from interlock.settings import Settings
from interlock.signature.answers import Row

_log = structlog.get_logger()

HANDED = "interlock.posted"
"""Key in the state of a scope: what `App.ask` could not answer at once."""

_UNREAD = Headers()


class Outcome(msgspec.Struct, frozen=True, gc=False):
    """A reply that may leave once it is on record.

    `rows` and their `ids` are those it answers, if it does, `moment` when that was by the record.
    """

    reply: Reply
    rows: list[Row] | None = None
    ids: list[str] = []
    moment: int | None = None


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
        self._settings = settings
        self._deadline = settings.deadline
        self._lanes: dict[Served, Lane] = {}
        self._doors: dict[str, Door] = {}
        self.hot: dict[bytes, Door] = {}
        """Raw paths of the doors that `ask` may know an answer for."""
        self._turn = Turn(self._finish)
        self.body_limit = settings.body_limit
        self.lineups: dict[str, Lineup] = {}

    @property
    def served(self) -> dict[str, Served]:
        """The champion of each deployment."""
        return {name: lineup.main for name, lineup in self.lineups.items()}

    def swap(self, lineups: dict[str, Lineup], hasher: Hasher | None = None) -> None:
        """Serve `lineups` from now on; routes choose by the hashes of `hasher`."""
        old, self._lanes = self._lanes, self._cast(lineups)
        doors = _addresses(lineups, hasher, self._lanes)
        self.hot = {path.encode(): door for path, door in doors.items() if _is_hot(door)}
        self._doors = doors
        self.lineups = lineups
        for served, lane in old.items():
            if served not in self._lanes:
                lane.close()

    def close(self) -> None:
        """Begin nothing more that nobody waits for."""
        for lane in self._lanes.values():
            lane.close()

    def _cast(self, lineups: dict[str, Lineup]) -> dict[Served, Lane]:
        """A lane for each shadow; those that there are go on. None without a journal to write."""
        journal = self._journal
        if journal is None:
            return {}
        return {
            served: self._lanes.get(served) or Lane(served, journal, self._settings, self._recorder)
            for lineup in lineups.values()
            for served in lineup.shadows()
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        door = self._doors.get(scope["path"]) if scope["type"] == "http" else None
        if door is None:
            await self._others(scope, receive, send)
            return
        try:
            posted, outcome, unrecorded = await self._respond(door, scope, receive)
        except DisconnectedError:
            return
        reply = self._final(posted, outcome, unrecorded)
        length = str(len(reply.body)).encode()
        headers = [(b"content-type", reply.media), (b"content-length", length), *reply.headers]
        await send({"type": "http.response.start", "status": reply.status, "headers": headers})
        await send({"type": "http.response.body", "body": reply.body})
        if self._lanes and unrecorded is None:
            _shadow(posted, outcome)

    async def _respond(
        self, door: Door, scope: Scope, receive: Receive
    ) -> tuple[Posted, Outcome, UnrecordedError | None]:
        handed: Posted | None = scope.get("state", {}).get(HANDED)
        posted = handed or Posted(door, _UNREAD, b"", time.perf_counter())
        try:
            if handed is None:
                _check_method(scope)
                posted = replace(posted, headers=read_headers(scope["headers"], self.body_limit))
                posted = replace(posted, body=await read_body(receive, self.body_limit))
                posted = _chosen(posted)
            request = posted.door.read(posted.headers, posted.body)
            outcome = self._answer(posted, request, await self._infer(posted, request))
        except DisconnectedError:
            raise
        except Exception as error:  # noqa: BLE001 - every request is answered, see `_failed`
            outcome = self._failed(posted, error)
        unrecorded = await self._journal.committed() if self._journal else None
        return posted, outcome, unrecorded

    async def _infer(self, posted: Posted, request: Any) -> Outputs:
        served = posted.door.served
        if request.rows <= served.inline_rows:
            return served.run(request.feed)
        deadline = min(posted.headers.deadline or self._deadline, self._deadline)
        return await served.queue(request.feed, request.rows, deadline)

    def ask(
        self, door: Door, headers: Headers, body: bytes, answer: Callable[[Reply], None]
    ) -> Posted | None:
        """Have a request answered by a call of `answer`, most often in this turn of the event loop.

        When its model must not run in the event loop nothing is called, and what is returned goes
        with the request, as `HANDED` in its state: a version is chosen only once.
        """
        posted = Posted(door, headers, body, time.perf_counter())
        try:
            if door.arm is None or headers.version is not None:
                posted = _chosen(posted)
                door = posted.door
            request = door.read(headers, body)
        except Exception as error:  # noqa: BLE001 - every request is answered, see `_failed`
            outcome = self._failed(posted, error)
            self._commit(lambda _unrecorded: answer(outcome.reply))
            return None
        if request.rows > door.served.inline_rows:
            return posted
        self._turn.add(Asked(posted, request, answer))
        return None

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
        if self._lanes and unrecorded is None:
            for asked, outcome in done:
                _shadow(asked.posted, outcome)

    def _answer(self, posted: Posted, request: Any, outputs: Outputs) -> Outcome:
        rows = posted.door.served.rows(outputs)
        ids = [str(uuid7()) for _ in rows]
        if posted.id is not None:
            ids[0] = posted.id
        reply = posted.door.write(request, outputs, rows, ids)
        if self._journal is None:
            return Outcome(reply, rows)
        latency = time.perf_counter() - posted.started
        moment = self._journal.answered(posted, request, rows, ids, latency)
        return Outcome(reply, rows, ids, moment)

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


def _chosen(posted: Posted) -> Posted:
    """`posted` at the door of the version that answers it; see `Ways.choose`."""
    ways = posted.door.ways
    return posted if ways is None else ways.choose(posted)


def _shadow(posted: Posted, outcome: Outcome) -> None:
    """Have what was answered, and is on record, answered by the door's shadows as well."""
    if posted.door.shadows and outcome.moment is not None:
        answered = Answered(posted, outcome.ids, outcome.moment)
        for shadowing in posted.door.shadows:
            shadowing.take(answered)


def _is_hot(door: Door) -> bool:
    return bool(door.served.inline_rows) or (door.ways is not None and door.ways.inline)


def _addresses(
    lineups: dict[str, Lineup], hasher: Hasher | None, lanes: Mapping[Served, Lane]
) -> dict[str, Door]:
    doors: dict[str, Door] = {}
    for name, lineup in lineups.items():
        plain = ways.entry(Plain, lineup, hasher, lanes)
        doors[f"/predict/{name}"] = plain
        doors[f"/v2/models/{name}/infer"] = ways.entry(V2, lineup, hasher, lanes)
        for version, door in ways.fixed(V2, lineup).items():
            doors[f"/v2/models/{name}/versions/{version}/infer"] = door
        if len(lineups) == 1:
            doors["/predict"] = plain
    return doors
