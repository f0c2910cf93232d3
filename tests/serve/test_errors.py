"""Every way in which a request can be wrong, over a real socket: code, path, expected, got."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from interlock import package

from .conftest import PATIENT, Running, serving

GOOD = {"age": 61, "visits": 3, "dose": 1.5, "smoker": False, "plan": "gold", "note": "new"}
BEAT = {"beat": [0.1] * 8}


def cost() -> onnx.ModelProto:
    """A graph that takes every kind of column and answers the age."""
    kinds = {
        "age": TensorProto.FLOAT,
        "visits": TensorProto.INT64,
        "dose": TensorProto.FLOAT,
        "smoker": TensorProto.BOOL,
        "plan": TensorProto.STRING,
        "note": TensorProto.STRING,
    }
    inputs = [helper.make_tensor_value_info(name, kind, ["rows"]) for name, kind in kinds.items()]
    output = helper.make_tensor_value_info("value", TensorProto.FLOAT, ["rows"])
    nodes = [
        helper.make_node("Cast", ["visits"], ["visits_float"], to=TensorProto.FLOAT),
        helper.make_node("Add", ["age", "visits_float"], ["value"]),
    ]
    graph = helper.make_graph(nodes, "cost", inputs, [output])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


@pytest.fixture(scope="module")
def server(beat_package: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One worker that serves a tensor model and a record model, and takes at most 20 kB."""
    home = tmp_path_factory.mktemp("home")
    built = package.build(
        cost(), name="cost", sample=[GOOD] * 20, signature=PATIENT, out=home / "cost"
    )
    arguments = ("--package", str(beat_package), "--package", str(built.path))
    with serving(home, *arguments, body_limit="20000") as running:
        yield running


class Wrong(NamedTuple):
    """A request and the refusal that it must get."""

    status: int
    code: str
    path: str | None
    expected: str | None
    got: str | None
    body: Any = None
    address: str = "/predict/cost"
    method: str = "POST"
    media: str | None = "application/json"
    headers: dict[str, str] = {}  # noqa: RUF012 - never changed


def without(name: str) -> dict[str, Any]:
    """The good record without one column."""
    return {key: value for key, value in GOOD.items() if key != name}


TABLE = {
    "truncated json": Wrong(
        400, "malformed", "$", "an object with", "the end of the body", b'{"age": 6'
    ),
    "empty body": Wrong(400, "malformed", "$", "an object with", "the end of the body", b""),
    "not utf-8": Wrong(400, "malformed", "$", "an object with", None, b'{"plan": "\xff"}'),
    "deep nesting": Wrong(400, "malformed", "$", "an object with", None, b"[" * 9000),
    "number for a record": Wrong(400, "wrong_type", "$", "an object with", "3", 3),
    "string for a record in a list": Wrong(
        400, "wrong_type", "$[1]", "an object with", '"x"', [GOOD, "x"]
    ),
    "text for a number": Wrong(
        400, "wrong_type", "$.age", "a number, 0 to 120 years", '"old"', {**GOOD, "age": "old"}
    ),
    "true for a number": Wrong(
        400, "wrong_type", "$.age", "a number, 0 to 120 years", "true", {**GOOD, "age": True}
    ),
    "fraction for a whole number": Wrong(
        400, "wrong_type", "$.visits", "a whole number, at least 0", "1.5", {**GOOD, "visits": 1.5}
    ),
    "number for true or false": Wrong(
        400, "wrong_type", "$.smoker", "true or false", "1", {**GOOD, "smoker": 1}
    ),
    "null where none may be": Wrong(
        400, "wrong_type", "$.age", "a number, 0 to 120 years", "null", {**GOOD, "age": None}
    ),
    "missing column": Wrong(
        400, "missing_field", "$.plan", "one of 'basic', 'gold'", "nothing", without("plan")
    ),
    "missing column in a list": Wrong(
        400, "missing_field", "$[1].age", "a number, 0 to 120 years", "nothing",
        [GOOD, without("age")],
    ),
    "unknown column": Wrong(
        400, "unknown_field", "$.smokes", "'smoker'", "'smokes'", {**GOOD, "smokes": True}
    ),
    "unknown category": Wrong(
        400, "unknown_category", "$.plan", "one of 'basic', 'gold'", '"silver"',
        {**GOOD, "plan": "silver"},
    ),
    "text too long": Wrong(
        400, "out_of_range", "$.note", "text of at most 20 characters", "21 characters",
        {**GOOD, "note": "x" * 21},
    ),
    "nan": Wrong(
        400, "not_finite", "$.age", "a number", "NaN", json.dumps({**GOOD, "age": float("nan")})
    ),
    "infinity": Wrong(
        400, "not_finite", "$.dose", "a number or null", "-Infinity",
        json.dumps({**GOOD, "dose": float("-inf")}),
    ),
    "too large for a double": Wrong(
        400, "not_finite", "$.dose", "a number or null", "Infinity",
        json.dumps({**GOOD, "dose": 0}).replace('"dose": 0', '"dose": 1e999'),
    ),
    "too large for float32": Wrong(
        400, "not_finite", "$.dose", "a number or null", "1e+39", {**GOOD, "dose": 1e39}
    ),
    "too large for int64": Wrong(
        400, "out_of_range", "$.visits", None, str(2**63), {**GOOD, "visits": 2**63}
    ),
    "out of range": Wrong(
        400, "out_of_range", "$.age", "0 to 120 years", "-1", {**GOOD, "age": -1}
    ),
    "tensor too short": Wrong(
        400, "wrong_shape", "$.beat", "8 values", "7 values", {"beat": [0.1] * 7}, "/predict/beat"
    ),
    "tensor nested": Wrong(
        400, "wrong_shape", "$.beat[0]", "float32[8]", "an array of 1", {"beat": [[0.1]] * 8},
        "/predict/beat",
    ),
    "tensor of text": Wrong(
        400, "wrong_type", "$.beat[7]", "float32[8]", '"x"', {"beat": [0.1] * 7 + ["x"]},
        "/predict/beat",
    ),
    "tensor out of range": Wrong(
        400, "out_of_range", "$.beat[2]", "-5 to 5 mV", "6",
        {"beat": [0, 0, 6, 0, 0, 0, 0, 0]}, "/predict/beat",
    ),
    "empty batch": Wrong(400, "empty_batch", "$", "at least one record", "[]", []),
    "body too large": Wrong(
        413, "body_too_large", None, "at most 20000 bytes", "20001 bytes", b" " * 20001
    ),
    "wrong content type": Wrong(
        415, "unsupported_media_type", None, "application/json",
        "application/x-www-form-urlencoded", GOOD, media="application/x-www-form-urlencoded",
    ),
    "wrong charset": Wrong(
        415, "unsupported_media_type", None, "application/json", "application/json; charset=utf-16",
        GOOD, media="application/json; charset=utf-16",
    ),
    "compressed": Wrong(
        415, "unsupported_media_type", None, "no Content-Encoding", "gzip", GOOD,
        headers={"Content-Encoding": "gzip"},
    ),
    "deadline that is none": Wrong(
        400, "malformed", None, "seconds above 0, such as 0.25", "soon", GOOD,
        headers={"Interlock-Deadline": "soon"},
    ),
    "unknown model": Wrong(
        404, "unknown_model", None, "beat, cost", "nobody", GOOD, "/predict/nobody"
    ),
    "which of two models": Wrong(
        404, "unknown_model", None, "/predict/beat, /predict/cost", "/predict", GOOD, "/predict"
    ),
    "unknown address": Wrong(404, "not_found", None, None, "/nowhere", GOOD, "/nowhere"),
    "wrong method": Wrong(405, "method_not_allowed", None, "POST", "GET", method="GET"),
    "wrong method elsewhere": Wrong(
        405, "method_not_allowed", None, "GET", "DELETE", None, "/health/live", "DELETE"
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", TABLE)
def test_a_wrong_request_is_told_what_is_wrong_and_the_worker_lives_on(
    server: Running, name: str
) -> None:
    """Status, code, path, expected and got are the table's; the next request is answered."""
    wrong = TABLE[name]
    worker = server.workers()[0]["pid"]
    response = server.client.request(
        wrong.method,
        wrong.address,
        content=_bytes(wrong.body),
        headers={**({"Content-Type": wrong.media} if wrong.media else {}), **wrong.headers},
    )
    assert response.status_code == wrong.status
    assert response.headers["content-type"] == "application/json"
    error = response.json()["error"]
    assert error["code"] == wrong.code
    assert error.get("path") == wrong.path
    assert wrong.expected is None or error["expected"].find(wrong.expected) >= 0
    assert wrong.got is None or error["got"] == wrong.got
    assert "Traceback" not in response.text
    assert server.client.post("/predict/cost", json=GOOD).status_code == 200
    assert server.workers()[0]["pid"] == worker


def _bytes(body: Any) -> bytes | None:
    if body is None or isinstance(body, bytes):
        return body
    return (body if isinstance(body, str) else json.dumps(body)).encode()


def test_codes_in_the_table_are_many(server: Running) -> None:
    """Each kind of mistake has a code of its own, and every error is counted under it."""
    codes = {wrong.code for wrong in TABLE.values()}
    assert len(codes) >= 14
    server.client.post("/predict/cost", json=[])
    metrics = server.client.get("/metrics").text
    assert 'model_errors_total{code="empty_batch",model="cost"}' in metrics


def v2(**changes: Any) -> dict[str, Any]:
    """A V2 request for the beat model with its only input changed."""
    tensor = {"name": "beat", "shape": [1, 8], "datatype": "FP32", "data": [0.1] * 8}
    return {"inputs": [{**tensor, **changes}]}


V2_TABLE: dict[str, tuple[Any, str]] = {
    "not json": (b"{", "malformed: the body is not JSON"),
    "no inputs": ({"id": "1"}, "malformed: not a V2 inference request: Object missing required"),
    "no tensor": ({"inputs": []}, "missing_field: input beat is missing at $.inputs"),
    "unknown input": (v2(name="beet"), "unknown_field: no input is called 'beet'"),
    "wrong datatype": (
        v2(datatype="FP64"), "at $.inputs[0].datatype; expected FP32; got FP64",
    ),
    "wrong shape": (
        v2(shape=[1, 7]), "at $.inputs[0].shape; expected [rows, 8]; got [1, 7]",
    ),
    "shape and data disagree": (v2(shape=[2, 8]), "expected 16 values for shape [2, 8]; got 8"),
    "no data": (v2(data=None), "wrong_type"),
    "text in a tensor": (v2(data=[0.1] * 7 + ["x"]), "$.inputs[0].data[7]; expected float32[8]"),
    "out of range": (v2(data=[0.1] * 7 + [6]), "out_of_range: beat is outside its range"),
    "overflow": (v2(data=[0.1] * 7 + [1e39]), "not_finite: beat does not fit a 32-bit number"),
    "empty batch": (v2(shape=[0, 8], data=[]), "empty_batch"),
    "unknown output": (
        {**v2(), "outputs": [{"name": "logits"}]}, "no output is called 'logits'",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", V2_TABLE)
def test_a_wrong_v2_request_gets_a_v2_error(server: Running, name: str) -> None:
    """The protocol's error object is one string; it carries code, path, expected and got."""
    body, said = V2_TABLE[name]
    response = server.client.post("/v2/models/beat/infer", content=_bytes(body))
    assert response.status_code == 400
    assert set(response.json()) == {"error"}
    assert said in response.json()["error"]


def test_an_unknown_version_is_a_404_in_v2(server: Running) -> None:
    """The version in the address must be the one that is served."""
    response = server.client.post("/v2/models/beat/versions/9.9.9/infer", json=v2())
    assert response.status_code == 404
    assert response.json()["error"].startswith("unknown_version: beat is not served in version")


@pytest.mark.parametrize(
    ("header", "size"), [("x", 10), ("-1", 10), ("9999", 10), ("20", 31), ("20", -1)]
)
def test_binary_framing_that_cannot_be_right_is_refused(
    server: Running, header: str, size: int
) -> None:
    """A header length or tensor size beyond the body is a client error, not a crash."""
    document = v2(parameters={"binary_data_size": size})
    del document["inputs"][0]["data"]
    head = json.dumps(document).encode()
    length = str(len(head)) if header == "20" else header
    body = head + np.zeros(8, np.float32).tobytes()[:30]
    response = server.client.post(
        "/v2/models/beat/infer",
        content=body,
        headers={
            "Inference-Header-Content-Length": length,
            "Content-Type": "application/octet-stream",
        },
    )
    assert response.status_code == 400
    assert "malformed" in response.json()["error"]


def test_a_caller_that_hangs_up_early_costs_nothing(server: Running) -> None:
    """A connection cut in the middle of a body is forgotten; nothing is logged as a failure."""
    host, port = server.url.removeprefix("http://").split(":")
    head = b"POST /predict/cost HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\n{"
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(head)
    assert server.client.post("/predict/cost", json=GOOD).status_code == 200
    assert "Traceback" not in server.log()


def test_a_body_without_a_length_is_limited_too(server: Running) -> None:
    """Chunked bodies are cut off at the same size."""
    response = server.client.post(
        "/predict/cost",
        content=(b" " * 1000 for _ in range(30)),
        headers={"Content-Type": "application/json"},
    )
    assert response.status_code == 413
