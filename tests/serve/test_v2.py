"""Open Inference Protocol V2, spoken by a client that is not ours."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tritonclient.http as triton

from interlock import package
from interlock.engine import Session

from .conftest import PATIENT, Running, serving
from .test_errors import GOOD, cost


@pytest.fixture(scope="module")
def server(beat_package: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The beat model and a record model."""
    home = tmp_path_factory.mktemp("home")
    built = package.build(
        cost(), name="cost", sample=[GOOD] * 20, signature=PATIENT, out=home / "cost"
    )
    arguments = ("--package", str(beat_package), "--package", str(built.path))
    with serving(home, *arguments) as running:
        yield running


@pytest.fixture
def client(server: Running) -> Iterator[Any]:
    """Triton's own HTTP client."""
    client = triton.InferenceServerClient(server.url.removeprefix("http://"))
    yield client
    client.close()


def tensor(name: str, values: np.ndarray[Any, Any], kind: str, *, binary: bool) -> Any:
    """A request input as Triton's client makes it."""
    made = triton.InferInput(name, list(values.shape), kind)
    made.set_data_from_numpy(values, binary_data=binary)
    return made


def test_health_and_metadata(client: Any) -> None:
    """Liveness, readiness, server and model metadata are where the protocol puts them."""
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("beat")
    assert client.is_model_ready("beat", "1.0.0")
    assert not client.is_model_ready("beat", "2.0.0")
    assert client.get_server_metadata()["name"] == "interlock"
    metadata = client.get_model_metadata("beat")
    assert metadata["versions"] == ["1.0.0"]
    assert metadata["inputs"] == [{"name": "beat", "datatype": "FP32", "shape": [-1, 8]}]
    assert {"name": "probabilities", "datatype": "FP32", "shape": [-1, 3]} in metadata["outputs"]


@pytest.mark.parametrize("binary_in", [True, False])
@pytest.mark.parametrize("binary_out", [True, False])
def test_tensors_are_answered_as_by_the_graph(
    client: Any, beat_package: Path, binary_in: bool, binary_out: bool
) -> None:
    """JSON or binary, in or out: the same labels and probabilities."""
    beats = np.random.default_rng(3).normal(size=(4, 8)).astype(np.float32)
    wanted = [
        triton.InferRequestedOutput(name, binary_data=binary_out)
        for name in ("probabilities", "label", "confidence", "prediction_id")
    ]
    answer = client.infer(
        "beat",
        [tensor("beat", beats, "FP32", binary=binary_in)],
        outputs=wanted,
        request_id="seven",
    )
    found = package.read(beat_package)
    label, shares = Session(found.graph_path, found.signature).run({"beat": beats})
    np.testing.assert_allclose(answer.as_numpy("probabilities"), shares, atol=1e-6)
    labels = [
        item.decode() if isinstance(item, bytes) else item for item in answer.as_numpy("label")
    ]
    assert labels == label.tolist()
    np.testing.assert_allclose(answer.as_numpy("confidence"), shares.max(axis=1), atol=1e-6)
    assert len(set(answer.as_numpy("prediction_id").tolist())) == 4
    said = answer.get_response()
    assert (said["id"], said["model_name"], said["model_version"]) == ("seven", "beat", "1.0.0")


@pytest.mark.parametrize("shape", [(2,), (2, 1)])
@pytest.mark.parametrize("binary", [True, False])
def test_columns_of_every_kind(
    server: Running, client: Any, shape: tuple[int, ...], binary: bool
) -> None:
    """Records travel as one tensor a column; the answers are those of the plain door."""
    rows = [GOOD, {**GOOD, "age": 20.5, "visits": 9, "dose": None, "note": None}]
    kinds = {"age": "FP32", "visits": "INT64", "dose": "FP32", "smoker": "BOOL"}
    dtypes = {"FP32": np.float32, "INT64": np.int64, "BOOL": np.bool_}
    inputs = []
    for name, kind in kinds.items():
        values = [0.0 if row[name] is None else row[name] for row in rows]
        inputs.append(
            tensor(name, np.array(values, dtypes[kind]).reshape(shape), kind, binary=binary)
        )
    for name in ("plan", "note"):
        words = np.array([row[name] or "" for row in rows], object)
        inputs.append(tensor(name, words.reshape(shape), "BYTES", binary=binary))
    values = client.infer("cost", inputs).as_numpy("value").tolist()
    plain = server.client.post("/predict/cost", json=rows).json()
    assert values == [answer["value"] for answer in plain]


def test_an_error_reaches_the_client_in_its_own_words(client: Any) -> None:
    """Triton's client raises what the server said."""
    beats = np.zeros((1, 7), np.float32)
    with pytest.raises(triton.InferenceServerException, match=r"expected \[rows, 8\]"):
        client.infer("beat", [tensor("beat", beats, "FP32", binary=True)])
    with pytest.raises(triton.InferenceServerException, match="no model is called 'nobody'"):
        client.get_model_metadata("nobody")


def test_nested_json_is_read_as_well_as_flat(server: Running) -> None:
    """Row-major data may be nested as deep as its shape."""
    beats = np.linspace(-1, 1, 16, dtype=np.float32).reshape(2, 8)
    said = []
    for data in (beats.tolist(), beats.reshape(-1).tolist()):
        request = {"name": "beat", "shape": [2, 8], "datatype": "FP32", "data": data}
        wanted = [{"name": "probabilities"}]
        response = server.client.post(
            "/v2/models/beat/infer", json={"inputs": [request], "outputs": wanted}
        )
        said.append(response.json()["outputs"])
    assert said[0] == said[1]
    assert [output["name"] for output in said[0]] == ["probabilities"]


def test_a_nullable_column_may_be_left_out(server: Running) -> None:
    """As through the plain door: what is not sent is missing."""
    column = {"shape": [1], "data": [1]}
    request = [
        {**column, "name": "age", "datatype": "FP32"},
        {**column, "name": "visits", "datatype": "INT64"},
        {**column, "name": "smoker", "datatype": "BOOL", "data": [True]},
        {**column, "name": "plan", "datatype": "BYTES", "data": ["gold"]},
    ]
    answer = server.client.post("/v2/models/cost/infer", json={"inputs": request}).json()
    assert answer["outputs"][0]["data"] == [2.0]
