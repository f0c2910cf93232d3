"""What one turn of the event loop collects, on real models."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from interlock.engine.session import Outputs
from interlock.errors import EngineError
from interlock.serve import table
from interlock.serve.app import App
from interlock.serve.doors import Plain, Reply
from interlock.serve.metrics import Recorder
from interlock.serve.request import Headers
from interlock.serve.served import Served
from interlock.serve.turn import Asked, Posted, Result, Turn
from interlock.settings import Settings

from .moody import record

HEADERS = Headers(None, None, None)
SETTINGS = Settings(engine="inline")


class Counted:
    """A model's door that notes how many rows each run of the graph has."""

    def __init__(self, package: Path, home: Path, rows: int = 64) -> None:
        served = Served(table.describe(package), SETTINGS, Recorder(home, 0))
        served.turn_rows = rows
        self.runs: list[int] = []
        self._run, served.run = served.run, self._counting
        self.door = Plain(served)

    def _counting(self, feed: Any) -> Outputs:
        self.runs.append(len(next(iter(feed.values()))))
        return self._run(feed)


@pytest.fixture
def moody(moody_package: Path, tmp_path: Path) -> Counted:
    """The model that fails when asked to."""
    return Counted(moody_package, tmp_path)


@pytest.fixture
def beat(beat_package: Path, tmp_path: Path) -> Counted:
    """Another model."""
    return Counted(beat_package, tmp_path)


def turn(home: Path, asked: list[tuple[Counted, Any]], app: App | None = None) -> list[Reply]:
    """Replies, in the order in which they came, to what is asked within one turn."""
    replies: list[Reply] = []

    async def ask() -> None:
        judge = app or App(SETTINGS, Recorder(home, 0), None)
        for model, body in asked:
            assert judge.ask(model.door, HEADERS, json.dumps(body).encode(), replies.append) is None
        assert replies == []
        await asyncio.sleep(0)

    asyncio.run(ask())
    return replies


def values(replies: list[Reply]) -> list[Any]:
    """What the moody model said, or the status of its refusal."""
    said = [json.loads(reply.body) for reply in replies]
    return [
        reply.status
        if reply.status != 200
        else [row["value"] for row in answer]
        if isinstance(answer, list)
        else answer["value"]
        for reply, answer in zip(replies, said, strict=True)
    ]


def test_requests_of_one_turn_are_one_batch(moody: Counted, tmp_path: Path) -> None:
    """The graph runs once; each request gets its own rows, in order."""
    asked = [(moody, record(0)), (moody, [record(1), record(0)]), (moody, record(1))]
    assert values(turn(tmp_path, asked)) == [10, [20, 10], 20]
    assert moody.runs == [4]


def test_a_batch_has_no_more_rows_than_pays(moody: Counted, tmp_path: Path) -> None:
    """What would be too many rows goes in several batches; one large request goes alone."""
    moody.door.served.turn_rows = 3
    asked = [(moody, [record(row % 2) for row in range(rows)]) for rows in (1, 2, 1, 5, 1, 1)]
    assert [len(answers) for answers in values(turn(tmp_path, asked))] == [1, 2, 1, 5, 1, 1]
    assert moody.runs == [3, 1, 5, 2]


def test_models_do_not_share_a_batch(moody: Counted, beat: Counted, tmp_path: Path) -> None:
    """Neighbours of one model run together; another model in between ends the batch."""
    beats = [(beat, {"beat": [0.0] * 8})] * 2
    replies = turn(tmp_path, [(moody, record(1)), *beats, (moody, record(0)), (moody, record(1))])
    assert [json.loads(reply.body)["model"] for reply in replies] == [
        "moody", "beat", "beat", "moody", "moody",
    ]  # fmt: skip
    assert (moody.runs, beat.runs) == ([1, 2], [2])


def test_an_answer_that_is_there_does_not_wait_for_a_slow_batch(
    moody: Counted, beat: Counted
) -> None:
    """Answers leave together only while that takes no time."""
    finished: list[int] = []

    async def ask() -> None:
        collected = Turn(lambda results: finished.append(len(results)))
        for model, body in ((moody, record(0, 50)), (beat, {"beat": [0.0] * 8})):
            content = json.dumps(body).encode()
            posted = Posted(model.door, HEADERS, content, 0.0)
            read = model.door.read(HEADERS, content)
            collected.add(Asked(posted, read, lambda _reply: None))
        await asyncio.sleep(0)

    asyncio.run(ask())
    assert finished == [1, 1]


def test_a_request_that_fails_in_a_batch_fails_alone(moody: Counted, tmp_path: Path) -> None:
    """The batch is tried again one by one; its neighbours never know."""
    asked = [(moody, record(choice)) for choice in (0, 7, 1)]
    replies = turn(tmp_path, asked)
    assert values(replies) == [10, 500, 20]
    assert json.loads(replies[1].body)["error"] == {
        "code": "internal_error",
        "message": "the model failed on this request",
    }
    assert moody.runs == [3, 1, 1, 1]


def test_whatever_a_model_raises_everybody_is_answered(moody: Counted, tmp_path: Path) -> None:
    """An error that is not ours, such as no memory left, takes nobody else's answer."""

    def exhausted(feed: Any) -> Outputs:
        raise MemoryError

    moody.door.served.run = exhausted
    assert values(turn(tmp_path, [(moody, record(0)), (moody, record(1))])) == [500, 500]


def test_an_answer_that_cannot_be_written_is_one_failure(moody: Counted, tmp_path: Path) -> None:
    """An error while a reply is made is that request's own."""
    written = moody.door.write
    calls = iter([False, True, False])

    def write(request: Any, outputs: Outputs, rows: Any, ids: list[str]) -> Reply:
        if next(calls):
            raise ValueError("no answer can be made of this")
        return written(request, outputs, rows, ids)

    moody.door.write = write  # type: ignore[method-assign, assignment]
    asked = [(moody, record(choice)) for choice in (0, 0, 1)]
    assert values(turn(tmp_path, asked)) == [10, 500, 20]


def test_what_cannot_be_read_never_reaches_the_model(moody: Counted, tmp_path: Path) -> None:
    """A refusal needs no turn: it is there before the good ones."""
    app = App(SETTINGS, Recorder(tmp_path, 0), None)
    refused: list[Reply] = []
    assert app.ask(moody.door, HEADERS, b"[]", refused.append) is None
    assert [reply.status for reply in refused] == [400]
    assert moody.runs == []


def test_what_may_not_run_inline_is_handed_back(moody: Counted, tmp_path: Path) -> None:
    """A request with too many rows is for the engine thread."""
    moody.door.served.inline_rows = 1
    app = App(SETTINGS, Recorder(tmp_path, 0), None)
    body = json.dumps([record(0)] * 2).encode()
    assert app.ask(moody.door, HEADERS, body, lambda reply: pytest.fail(str(reply)))


def test_a_turn_that_is_asked_while_it_ends_begins_another(moody: Counted, tmp_path: Path) -> None:
    """Requests that answers give rise to wait for the next turn, and are not lost."""
    outputs: list[Outputs | Exception] = []

    def finish(results: Sequence[Result]) -> None:
        for asked, found in results:
            outputs.append(found)
            asked.answer(Reply(b""))

    async def ask() -> None:
        collected = Turn(finish)

        def asked(choice: float, then: Any) -> Asked:
            body = json.dumps(record(choice)).encode()
            request = moody.door.read(HEADERS, body)
            return Asked(Posted(moody.door, HEADERS, body, 0.0), request, then)

        second = asked(7, lambda _reply: None)
        collected.add(asked(0, lambda _reply: collected.add(second)))
        await asyncio.sleep(0)
        assert len(outputs) == 1
        await asyncio.sleep(0)

    asyncio.run(ask())
    assert moody.runs == [1, 1]
    assert isinstance(outputs[1], EngineError)
