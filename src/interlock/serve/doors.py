"""The two HTTP doors of a served model: plain JSON records, and Open Inference Protocol V2."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import msgspec
import numpy as np

from interlock.engine.session import Feed, Outputs
from interlock.errors import RequestError
from interlock.routing.route import LIVE
from interlock.serve.request import BINARY, JSON, Headers
from interlock.serve.served import Served
from interlock.signature import Classes
from interlock.signature.answers import Row
from interlock.signature.inference import Call
from interlock.signature.ranges import Flags
from interlock.signature.records import Batch
from interlock.signature.tensors import encode_tensor, output_metadata

if TYPE_CHECKING:
    from interlock.serve.shadow import Shadowing
    from interlock.serve.ways import Ways

_encode = msgspec.json.Encoder().encode


class Reply(NamedTuple):
    """All of a response but the headers that every response has."""

    body: bytes
    media: bytes = JSON
    headers: tuple[tuple[bytes, bytes], ...] = ()
    status: int = 200


class Decoded(Protocol):
    """A request, read: what the engine needs of it."""

    @property
    def feed(self) -> Feed: ...

    @property
    def rows(self) -> int: ...

    @property
    def flags(self) -> Flags | None: ...


class Door(Protocol):
    """A way in to one served model: reads requests, writes answers, knows nothing in between."""

    @property
    def name(self) -> str:
        """What the record calls it."""
        ...

    @property
    def arm(self) -> str | None:
        """What the record calls the arm; None where a version has yet to be chosen by `ways`."""
        ...

    @property
    def ways(self) -> Ways | None: ...

    @property
    def shadows(self) -> Sequence[Shadowing]:
        """Who answers the same requests a second time."""
        ...

    @property
    def served(self) -> Served: ...

    def read(self, headers: Headers, body: bytes) -> Any:
        """The `Decoded` request, or the RequestError that says what is wrong with it."""
        ...

    def write(self, request: Any, outputs: Outputs, rows: list[Row], ids: list[str]) -> Reply:
        """The answer to a request that `read` returned; `ids` has a prediction id for each row."""
        ...

    def refusal(self, error: RequestError) -> bytes:
        """The body of an error response, in the door's own protocol."""
        ...


class Plain:
    """``POST /predict``: one record or a list of them, answered in kind."""

    name = "plain"

    def __init__(self, served: Served, arm: str | None = LIVE) -> None:
        self.served = served
        self.arm = arm
        self.ways: Ways | None = None
        self.shadows: Sequence[Shadowing] = ()
        self._decode = served.decoder.decode
        self._name = served.name
        self._version = served.version

    def read(self, _headers: Headers, body: bytes) -> Batch:
        return self._decode(body)

    def write(self, request: Batch, _outputs: Outputs, rows: list[Row], ids: list[str]) -> Reply:
        answers = [
            {"prediction_id": id_, "model": self._name, "version": self._version, **row}
            for id_, row in zip(ids, rows, strict=True)
        ]
        if request.flags:
            _attach(answers, request.flags)
        return Reply(_encode(answers[0] if request.single else answers))

    def refusal(self, error: RequestError) -> bytes:
        return plain_refusal(error)


def plain_refusal(error: RequestError) -> bytes:
    """``{"error": {code, message, path, expected, got}}``."""
    return _encode({"error": error.document()})


def _attach(answers: list[dict[str, Any]], flags: Flags) -> None:
    for answer, flag in zip(answers, flags, strict=True):
        if flag:
            answer["flags"] = flag


class V2:
    """``POST /v2/models/{m}[/versions/{v}]/infer``, JSON and binary."""

    name = "v2"

    def __init__(self, served: Served, arm: str | None = LIVE) -> None:
        self.served = served
        self.arm = arm
        self.ways: Ways | None = None
        self.shadows: Sequence[Shadowing] = ()
        self._decode = served.tensors.decode
        self._metadata = {item.name: item for item in output_metadata(served.signature.output)}
        self._classes = isinstance(served.signature.output, Classes)

    def read(self, headers: Headers, body: bytes) -> Call:
        return self._decode(body, headers.json_length)

    def write(self, request: Call, outputs: Outputs, rows: list[Row], ids: list[str]) -> Reply:
        tensors = self._tensors(outputs, rows, ids)
        parts = [
            encode_tensor(self._metadata[name], tensors[name], binary=binary)
            for name, binary in request.wanted
        ]
        said: dict[str, Any] = {
            "model_name": self.served.name,
            "model_version": self.served.version,
            "id": request.id if request.id is not None else ids[0],
            "parameters": _parameters(ids, request.flags),
            "outputs": [described for described, _ in parts],
        }
        head = _encode(said)
        if not any(binary for _, binary in request.wanted):
            return Reply(head)
        length = (b"inference-header-content-length", str(len(head)).encode())
        return Reply(b"".join([head, *(raw for _, raw in parts)]), BINARY, (length,))

    def _tensors(
        self, outputs: Outputs, rows: list[Row], ids: list[str]
    ) -> dict[str, np.ndarray[Any, Any]]:
        named = dict(zip(self._metadata, outputs, strict=False))
        if self._classes:
            named["confidence"] = np.array([row["confidence"] for row in rows], np.float32)
        return {**named, "prediction_id": np.array(ids, object)}

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


def _parameters(ids: list[str], flags: Flags | None) -> dict[str, Any]:
    said: dict[str, Any] = {"prediction_id": ids[0]} if len(ids) == 1 else {}
    if flags:  # V2 parameters are strings, numbers or booleans
        said["flags"] = _encode(flags).decode()
    return said
