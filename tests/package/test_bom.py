from __future__ import annotations

import hashlib
import json
from typing import Any

import msgspec
import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from interlock.package import Package, bom
from interlock.package.manifest import Code, Manifest
from interlock.signature.schema import Classes, Number, Signature, Value, Vector

BARE = Manifest(
    name="bare",
    version="1.0.0",
    created="2026-01-01T00:00:00+00:00",
    source="onnx",
    architecture="sha256:a",
)
SIGNATURE = Signature(inputs=(Number(name="x"),), output=Value(unit="mg"))


def written(manifest: Manifest, signature: Signature = SIGNATURE) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(bom.document(manifest, signature, "0" * 64))
    return document


@pytest.mark.parametrize("name", ["beat", "intake", "cost"])
def test_the_bom_in_a_package_is_valid_cyclonedx(name: str, request: pytest.FixtureRequest) -> None:
    """The schema's strict validator finds nothing wrong."""
    package: Package = request.getfixturevalue(name)
    text = (package.path / "bom.json").read_text()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    assert json.loads(text)["specVersion"] == "1.6"


def test_the_model_is_the_subject_and_libraries_are_its_dependencies(beat: Package) -> None:
    """A machine-learning-model with the graph's hash depends on every library listed."""
    document = json.loads((beat.path / "bom.json").read_text())
    model = document["metadata"]["component"]
    assert (model["type"], model["name"], model["version"]) == (
        "machine-learning-model",
        "beat",
        "1.0.0",
    )
    graph = hashlib.sha256(beat.graph_path.read_bytes()).hexdigest()
    assert model["hashes"] == [{"alg": "SHA-256", "content": graph}]
    assert model["licenses"] == [{"license": {"id": "Apache-2.0"}}]
    listed = {component["bom-ref"]: component for component in document["components"]}
    needs = {entry["ref"]: entry.get("dependsOn", []) for entry in document["dependencies"]}
    assert set(needs["beat@1.0.0"]) == set(listed)
    sklearn = next(found for found in listed.values() if found["name"] == "scikit-learn")
    assert sklearn["type"] == "library"
    assert sklearn["purl"] == f"pkg:pypi/scikit-learn@{sklearn['version']}"


def test_the_card_says_what_the_model_is_for_and_how_good_it_is(beat: Package) -> None:
    """Task, inputs, outputs, data, metrics by split, use and limits are in the modelCard."""
    document = json.loads((beat.path / "bom.json").read_text())
    card = document["metadata"]["component"]["modelCard"]
    parameters = card["modelParameters"]
    assert parameters["task"] == "classification"
    assert parameters["modelArchitecture"] == "sklearn.pipeline.Pipeline"
    assert parameters["inputs"] == [{"format": "beat: float32[32]"}]
    assert parameters["datasets"][0]["name"] == "training data, 120 rows"
    assert {"type": "accuracy", "value": "0.97", "slice": "test"} in (
        card["quantitativeAnalysis"]["performanceMetrics"]
    )
    assert card["considerations"] == {
        "useCases": ["Tests."],
        "technicalLimitations": ["Nothing but tests."],
    }


def test_a_manifest_with_nothing_but_the_needful_is_valid() -> None:
    """No metrics, no data, no licence: still a card."""
    card = written(BARE)["metadata"]["component"]["modelCard"]
    assert card["modelParameters"]["outputs"] == [{"format": "a number in mg"}]
    assert "datasets" not in card["modelParameters"]
    assert card["considerations"] == {}


@pytest.mark.parametrize("text", ["MIT", "MIT OR Apache-2.0", "Ask the clinic, please"])
def test_any_licence_is_valid(text: str) -> None:
    """SPDX names, expressions and free words each go where CycloneDX wants them."""
    model = written(msgspec.structs.replace(BARE, license=text))["metadata"]["component"]
    assert text in json.dumps(model["licenses"])


def test_odd_names_and_words_do_not_break_it() -> None:
    """Quotes, line breaks and other scripts pass through JSON and schema."""
    said = 'it\'s "fine"\n\u2028 – ja, größer'
    manifest = msgspec.structs.replace(
        BARE, description=said, owner="Ü", code=Code(revision="f" * 40, dirty=True)
    )
    model = written(manifest)["metadata"]["component"]
    assert model["description"] == said
    properties = {item["name"]: item["value"] for item in model["properties"]}
    assert properties["interlock:code"] == "f" * 40 + " (dirty)"


def test_the_same_manifest_makes_the_same_bytes() -> None:
    """No random serial number, no clock."""
    assert bom.document(BARE, SIGNATURE, "0" * 64) == bom.document(BARE, SIGNATURE, "0" * 64)


def test_answers_in_words() -> None:
    """What a model answers is said as a person would."""
    assert bom.output_words(Classes(labels=(0, 1))) == "one of 0, 1, with a probability for each"
    assert bom.output_words(Vector(steps=("1", "2"), unit="cases")) == (
        "a number in cases for each of 1, 2"
    )
