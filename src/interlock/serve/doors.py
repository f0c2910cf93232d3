"""The two HTTP doors of a served model: plain JSON records, and Open Inference Protocol V2."""

from __future__ import annotations

import time
from typing import Any, NamedTuple, Protocol

import msgspec
import numpy as np
from uuid_utils import uuid7

from interlock.engine.session import Feed, Outputs
from interlock.errors import RequestError
from interlock.serve.request import Receive, Scope, read_body, read_headers
from interlock.serve.served import Served
from interlock.settings import Settings
from interlock.signature import Classes
from interlock.signature.answers import Row
from interlock.signature.ranges import Flags
from interlock.signature.tensors import encode_tensor, output_metadata

Pairs = list[tuple[bytes, bytes]]

_encode = msgspec.json.Encoder().encode


class Answer(NamedTuple):
    """A response body and its content headers."""

    headers: Pairs
    body: bytes


class Door(Protocol):
    """A way in to one served model."""

    name: str

    async def answer(self, scope: Scope, receive: Receive) -> Answer:
        """Answer one request, or raise the RequestError that says why not."""
        ...

    def refusal(self, error: RequestError) -> bytes:
        """The body of an error response, in the door's own protocol."""
        ...


def json_headers(body: bytes) -> Pairs:
    return [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
    ]


class Plain:
    """``POST /predict``: one record or a list of them, answered in kind."""

    def __init__(self, served: Served, settings: Settings) -> None:
        self.name = served.name
        self._served = served
        self._decode = served.decoder.decode
        self._rows = served.rows
        self._body_limit = settings.body_limit
        self._deadline = settings.deadline

    async def answer(self, scope: Scope, receive: Receive) -> Answer:
        started = time.perf_counter()
        headers = read_headers(scope["headers"], self._body_limit)
        batch = self._decode(await read_body(receive, self._body_limit))
        served = self._served
        if served.inline:
            outputs = served.run(batch.feed)
        else:
            deadline = headers.deadline or self._deadline
            outputs = await served.queue(batch.feed, batch.rows, deadline)
        rows = self._rows(outputs)
        answers = [self._identified(row) for row in rows]
        if batch.flags:
            _attach(answers, batch.flags)
        body = _encode(answers[0] if batch.single else answers)
        served.count(rows, started)
        return Answer(json_headers(body), body)

    def _identified(self, row: Row) -> dict[str, Any]:
        return {
            "prediction_id": str(uuid7()),
            "model": self.name,
            "version": self._served.version,
            **row,
        }

    def refusal(self, error: RequestError) -> bytes:
        return plain_refusal(error)


def plain_refusal(error: RequestError) -> bytes:
    return _encode({"error": error.document()})


def _attach(answers: list[dict[str, Any]], flags: Flags) -> None:
    for answer, flag in zip(answers, flags, strict=True):
        if flag:
            answer["flags"] = flag


class V2:
    """``POST /v2/models/{m}[/versions/{v}]/infer``, JSON and binary."""

    def __init__(self, served: Served, settings: Settings) -> None:
        self.name = served.name
        self._served = served
        self._metadata = {item.name: item for item in output_metadata(served.signature.output)}
        self._body_limit = settings.body_limit
        self._deadline = settings.deadline

    async def answer(self, scope: Scope, receive: Receive) -> Answer:
        started = time.perf_counter()
        headers = read_headers(scope["headers"], self._body_limit)
        body = await read_body(receive, self._body_limit)
        call = self._served.tensors.decode(body, headers.json_length)
        outputs = await self._infer(call.batch.feed, call.batch.rows, headers.deadline)
        rows = self._served.rows(outputs)
        tensors = self._tensors(outputs, rows)
        parts = [
            encode_tensor(self._metadata[name], tensors[name], binary=binary)
            for name, binary in call.wanted
        ]
        said: dict[str, Any] = {
            "model_name": self.name,
            "model_version": self._served.version,
            "id": call.id if call.id is not None else tensors["prediction_id"][0],
            "parameters": _parameters(tensors["prediction_id"], call.batch.flags),
            "outputs": [described for described, _ in parts],
        }
        head = _encode(said)
        tail = b"".join(raw for _, raw in parts)
        self._served.count(rows, started)
        return _framed(head, tail, binary=any(binary for _, binary in call.wanted))

    async def _infer(self, feed: Feed, rows: int, deadline: float | None) -> Outputs:
        if self._served.inline:
            return self._served.run(feed)
        return await self._served.queue(feed, rows, deadline or self._deadline)

    def _tensors(self, outputs: Outputs, rows: list[Row]) -> dict[str, np.ndarray[Any, Any]]:
        ids = np.array([str(uuid7()) for _ in rows], object)
        named = dict(zip(self._metadata, outputs, strict=False))
        if isinstance(self._served.signature.output, Classes):
            named["confidence"] = np.array([row["confidence"] for row in rows], np.float32)
        return {**named, "prediction_id": ids}

    def refusal(self, error: RequestError) -> bytes:
        return v2_refusal(error)


def v2_refusal(error: RequestError) -> bytes:
    """V2 knows one string: it carries the code and all that the plain door says in fields."""
    said = [f"{error.code}: {error.message}"]
    if error.path:
        said.append(f" at {error.path}")
    if error.expected:
        said.append(f"; expected {error.expected}")
    if error.got:
        said.append(f"; got {error.got}")
    return _encode({"error": "".join(said)})


def _parameters(ids: np.ndarray[Any, Any], flags: Flags | None) -> dict[str, Any]:
    said: dict[str, Any] = {"prediction_id": ids[0]} if len(ids) == 1 else {}
    if flags:  # V2 parameters are strings, numbers or booleans
        said["flags"] = _encode(flags).decode()
    return said


def _framed(head: bytes, tail: bytes, *, binary: bool) -> Answer:
    if not binary:
        return Answer(json_headers(head), head)
    body = head + tail
    return Answer(
        [
            (b"content-type", b"application/octet-stream"),
            (b"inference-header-content-length", str(len(head)).encode()),
            (b"content-length", str(len(body)).encode()),
        ],
        body,
    )
