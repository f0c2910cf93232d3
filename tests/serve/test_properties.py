"""Whatever is posted, the server says 200 or what is wrong with it, and lives on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from interlock import package
from tests.signature.callers import as_binary, as_json
from tests.signature.strategies import bodies, broken_values, json_values, records

from .conftest import BEAT, PATIENT, Running, serving
from .test_errors import GOOD, cost

SIGNATURES = {"beat": BEAT, "cost": PATIENT}
QUICK = settings(
    max_examples=120,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
models = st.sampled_from(sorted(SIGNATURES))


@pytest.fixture(scope="module")
def server(beat_package: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One worker that serves a tensor model and a record model; it must outlive all tests."""
    home = tmp_path_factory.mktemp("home")
    built = package.build(
        cost(), name="cost", sample=[GOOD] * 20, signature=PATIENT, out=home / "cost"
    )
    with serving(home, "--package", str(beat_package), "--package", str(built.path)) as running:
        pid = running.workers()[0]["pid"]
        yield running
        assert running.workers()[0]["pid"] == pid
        assert "Traceback" not in running.log()
        assert "failed" not in running.log()


def post(server: Running, address: str, body: bytes, **headers: str) -> tuple[int, Any]:
    """Status and error of an answer, which is JSON and never the server's own fault."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    response = server.client.post(address, content=body, headers=named)
    assert response.status_code == 200 or 400 <= response.status_code < 500, response.text
    said = response.json() if "binary" not in address else json.loads(response.content)
    return response.status_code, said["error"] if response.status_code != 200 else None


@QUICK
@given(data=st.data(), model=models)
def test_any_body_is_answered_or_refused(server: Running, data: st.DataObject, model: str) -> None:
    """Nearly right, broken, cut, or noise: never a 5xx."""
    status, error = post(server, f"/predict/{model}", data.draw(bodies(SIGNATURES[model])))
    assert status == 200 or {"code", "message"} <= set(error)


@QUICK
@given(data=st.data(), model=models)
def test_a_broken_field_is_refused_by_its_path(
    server: Running, data: st.DataObject, model: str
) -> None:
    """Code and path that the decoder knows reach the caller."""
    broken = data.draw(broken_values(SIGNATURES[model]))
    status, error = post(server, f"/predict/{model}", broken.body)
    assert status == 400
    assert (error["code"], error["path"]) == (broken.error.code, broken.path)


@QUICK
@given(data=st.data(), model=models)
def test_records_that_fit_are_answered(server: Running, data: st.DataObject, model: str) -> None:
    """Every record that the signature allows has an answer."""
    found = data.draw(records(SIGNATURES[model]))
    status, error = post(server, f"/predict/{model}", json.dumps(found).encode())
    assert (status, error) == (200, None)


@QUICK
@given(data=st.data(), model=models)
def test_any_v2_body_is_answered_or_refused(
    server: Running, data: st.DataObject, model: str
) -> None:
    """A good request, changed at any spot, with any header length."""
    signature = SIGNATURES[model]
    rows = data.draw(st.lists(records(signature), min_size=1, max_size=3))
    binary = data.draw(st.booleans())
    good, length = as_binary(signature, rows) if binary else (as_json(signature, rows), 0)
    spot = data.draw(st.integers(0, len(good)))
    noise = data.draw(st.binary(max_size=4))
    cut = data.draw(st.integers(0, 4))
    body = good[:spot] + noise + good[spot + cut :]
    headers = {"Content_Type": "application/json"}
    if binary:
        length = data.draw(st.sampled_from([length, length, length + 1, 0, 10**6]))
        headers = {
            "Content_Type": "application/octet-stream",
            "Inference_Header_Content_Length": str(length),
        }
    _, error = post(server, f"/v2/models/{model}/infer", body, **headers)
    assert error is None or isinstance(error, str)


@QUICK
@given(document=json_values, model=models)
def test_any_json_is_no_v2_request(server: Running, document: Any, model: str) -> None:
    """JSON of another kind is refused in the words of the protocol."""
    body = json.dumps({"inputs": document}).encode()
    status, error = post(server, f"/v2/models/{model}/infer", body)
    assert status == 400
    assert isinstance(error, str)
