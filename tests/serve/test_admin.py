"""Everything beside inference: documentation that is true, health, metadata."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

import interlock
from interlock import package

from .conftest import PATIENT, Running, serving
from .test_errors import GOOD, cost

BEAT = {"beat": [0.1] * 8}
V2_BEAT = {"inputs": [{"name": "beat", "shape": [1, 8], "datatype": "FP32", "data": [0.1] * 8}]}


@pytest.fixture(scope="module")
def server(
    beat_package: Path, moody_package: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Running]:
    """Three models: a classifier and a number of tensors, and a number of columns."""
    home = tmp_path_factory.mktemp("home")
    built = package.build(
        cost(), name="cost", sample=[GOOD] * 20, signature=PATIENT, out=home / "cost"
    )
    paths = (str(beat_package), str(moody_package), str(built.path))
    arguments = [word for path in paths for word in ("--package", path)]
    with serving(home, *arguments) as running:
        yield running


@pytest.fixture(scope="module")
def document(server: Running) -> dict[str, Any]:
    """The server's own OpenAPI document."""
    found: dict[str, Any] = server.client.get("/openapi.json").json()
    return found


def fits(document: dict[str, Any], schema: dict[str, Any], value: Any) -> bool:
    """Whether `value` is what `schema` of the document describes."""
    whole = {**schema, "components": document["components"]}
    return bool(Draft202012Validator(whole).is_valid(value))


def described(document: dict[str, Any], path: str, status: str) -> dict[str, Any]:
    """The schema of an answer."""
    content = document["paths"][path]["post"]["responses"][status]["content"]
    schema: dict[str, Any] = content["application/json"]["schema"]
    return schema


def requested(document: dict[str, Any], path: str) -> dict[str, Any]:
    body = document["paths"][path]["post"]["requestBody"]["content"]["application/json"]
    schema: dict[str, Any] = body["schema"]
    return schema


def test_the_document_is_openapi_3_1(document: dict[str, Any]) -> None:
    """A validator that is not ours finds nothing wrong with it."""
    assert document["openapi"].startswith("3.1")
    assert list(OpenAPIV31SpecValidator(document).iter_errors()) == []


def test_the_document_of_several_models_has_the_version_of_each(document: dict[str, Any]) -> None:
    """The document's own is Interlock's; each model's is where it is asked."""
    assert document["info"]["version"] == interlock.__version__
    for name in ("beat", "moody", "cost"):
        operation = document["paths"][f"/predict/{name}"]["post"]
        assert operation["description"].startswith(f"{name} 1.0.0.")


def test_the_document_of_one_model_has_its_version(second_package: Path, tmp_path: Path) -> None:
    """Who generates a client of one model sees when the model changes."""
    with serving(tmp_path, "--package", str(second_package)) as server:
        document = server.client.get("/openapi.json").json()
    assert document["info"]["version"] == "1.0.1"
    assert document["info"]["title"] == "beat 1.0.1"
    assert interlock.__version__ in document["info"]["summary"]


@pytest.mark.parametrize(
    ("path", "good", "bad"),
    [
        ("/predict/beat", BEAT, {"beat": [0.1] * 7}),
        ("/predict/beat", [BEAT, BEAT], [BEAT, {"beat": [9.0] * 8}]),
        ("/predict/cost", GOOD, {**GOOD, "plan": "silver"}),
        ("/predict/cost", [GOOD], [{**GOOD, "age": None}]),
        ("/predict/moody", {"x": [1, 0]}, {"x": [1, 0], "y": 1}),
        ("/v2/models/beat/infer", V2_BEAT, {"id": "1"}),
    ],
)
def test_requests_and_answers_are_as_the_document_says(
    server: Running, document: dict[str, Any], path: str, good: Any, bad: Any
) -> None:
    """What it allows is answered, what it forbids is refused, and both answers fit its schemas."""
    assert fits(document, requested(document, path), good)
    assert not fits(document, requested(document, path), bad)
    answered = server.client.post(path, json=good)
    refused = server.client.post(path, json=bad)
    assert (answered.status_code, refused.status_code) == (200, 400)
    assert fits(document, described(document, path, "200"), answered.json())
    assert fits(document, described(document, path, "400"), refused.json())
    assert not fits(document, described(document, path, "200"), refused.json())


def test_examples_of_the_document_are_answered(server: Running, document: dict[str, Any]) -> None:
    """Whoever presses *Execute* in the documentation gets an answer."""
    for path in ("/predict/beat", "/predict/moody", "/predict/cost"):
        body = document["paths"][path]["post"]["requestBody"]["content"]["application/json"]
        assert server.client.post(path, json=body["example"]).status_code == 200


def test_every_get_of_the_document_is_there(server: Running, document: dict[str, Any]) -> None:
    """No address is documented that does not answer."""
    gets = [path for path, item in document["paths"].items() if "get" in item]
    assert len(gets) >= 10
    assert {path: server.client.get(path).status_code for path in gets} == dict.fromkeys(gets, 200)
    assert "/predict" not in document["paths"]  # which of three models would it be?


def test_the_documentation_needs_no_other_host(server: Running) -> None:
    """The page and its two assets come from here, and what the page names is served."""
    page = server.client.get("/", follow_redirects=True)
    assert page.url.path == "/docs"
    assert page.headers["content-type"].startswith("text/html")
    assert "//" not in re.sub(r"<!--.*?-->", "", page.text).replace("</", "")
    assets = re.findall(r'(?:src|href)="(/[^"]+)"', page.text)
    assert len(assets) == 2
    for asset in assets:
        response = server.client.get(asset)
        assert response.status_code == 200
        assert len(response.content) > 10_000
        kind = "text/css" if asset.endswith(".css") else "text/javascript"
        assert response.headers["content-type"].startswith(kind)
    style = server.client.get(assets[0]).text
    assert not re.search(r"@import|url\(\s*['\"]?(?:https?:)?//", style)


def test_health_says_what_is_served_and_by_whom(server: Running) -> None:
    """Workers with pid and table, models with version, digest and engine."""
    health = server.client.get("/health").json()
    assert health["ready"] is True
    (worker,) = health["workers"]
    assert (worker["state"], worker["table"]) == ("ready", 1)
    models = {model["name"]: model for model in health["models"]}
    assert list(models) == ["beat", "moody", "cost"]
    assert models["beat"]["engine"] == "inline"
    assert models["beat"]["reference"] is None
    assert models["beat"]["digest"].startswith("sha256:")
    assert 0 < models["beat"]["row_seconds"] < 0.01
    assert server.client.get("/health/live").json() == {"live": True}
    assert server.client.get("/health/ready").json() == {"ready": True}


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("/v2/models/beat", 200),
        ("/v2/models/beat/versions/1.0.0", 200),
        ("/v2/models/beat/versions/1.0.0/ready", 200),
        ("/v2/models/beat/versions/9.0.0/ready", 404),
        ("/v2/models/nobody", 404),
        ("/v2/nowhere", 404),
        ("/v2/", 404),
        ("/predict/beat/more", 404),
        ("/docs/other.js", 404),
        ("/openapi.yaml", 404),
    ],
)
def test_addresses_beside_inference(server: Running, address: str, status: int) -> None:
    """They are found, or refused in the words of their protocol."""
    response = server.client.get(address)
    assert response.status_code == status
    if status == 404:
        error = response.json()["error"]
        assert isinstance(error, str if address.startswith("/v2") else dict)


def test_models_answer_each_at_its_own_address(server: Running) -> None:
    """Plain and V2, with and without version, all at once on one port."""
    v2 = {"inputs": [{"name": "x", "shape": [1, 2], "datatype": "FP32", "data": [1, 0]}]}
    for address in ("/v2/models/moody/infer", "/v2/models/moody/versions/1.0.0/infer"):
        outputs = server.client.post(address, json=v2).json()["outputs"]
        assert next(item for item in outputs if item["name"] == "value")["data"] == [20.0]
    assert server.client.post("/predict/moody", json={"x": [0, 0]}).json()["value"] == 10
    assert server.client.post("/predict/cost", json=GOOD).json()["value"] == 64
    assert server.client.post("/predict/beat", json=BEAT).json()["model"] == "beat"


def test_packages_that_changed_in_place_are_refused_on_sighup(
    beat_package: Path, moody_package: Path, tmp_path: Path
) -> None:
    """An edited signature, then a model of another name: the old version stays, the log says so."""
    link = tmp_path / "current"
    edited = tmp_path / "edited"
    edited.mkdir()
    for file in beat_package.iterdir():
        (edited / file.name).write_bytes(file.read_bytes())
    text = (edited / "signature.json").read_text()
    assert "mV" in text
    (edited / "signature.json").write_text(text.replace("mV", "uV"))
    link.symlink_to(beat_package)
    with serving(tmp_path / "home", "--package", str(link)) as server:
        before = server.client.post("/predict", json=BEAT).json()
        for target, said in ((edited, "signature.json"), (moody_package, "moody")):
            link.unlink()
            link.symlink_to(target)
            server.process.send_signal(signal.SIGHUP)
            server.wait_for(lambda said=said: said in server.log())  # type: ignore[misc]
            after = server.client.post("/predict", json=BEAT).json()
            assert after["probabilities"] == before["probabilities"]
            assert server.workers()[0]["table"] == 1


def test_answers_of_the_server_are_those_of_the_graph_for_every_row(server: Running) -> None:
    """A long list keeps its order through JSON, batch and back."""
    choices = np.random.default_rng(0).integers(0, 2, 500).tolist()
    answers = server.client.post("/predict/moody", json=[{"x": [c, 0]} for c in choices]).json()
    assert [answer["value"] for answer in answers] == [10 + 10 * choice for choice in choices]
