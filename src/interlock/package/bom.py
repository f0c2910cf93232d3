"""The model card for machines: a CycloneDX 1.6 ML-BOM, checked against its schema."""

from __future__ import annotations

import datetime as dt
import json
import uuid
from typing import Any

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType, Property
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL

from interlock.errors import PackageError
from interlock.package.manifest import Manifest
from interlock.signature.schema import Classes, Output, Signature, Value, Vector
from interlock.signature.wording import words

_NAMESPACE = uuid.UUID("5f0e5a4e-3f0c-5b0e-9d2b-6d1f3a8c7e21")


def document(manifest: Manifest, signature: Signature, graph_sha256: str) -> bytes:
    """The ML-BOM of a package as JSON: the model with its card, and the libraries that made it.

    Raises
    ------
    PackageError
        When the document does not validate (a licence that is no SPDX expression is fine).
    """
    model = _model(manifest, graph_sha256)
    bom = Bom(serial_number=uuid.uuid5(_NAMESPACE, f"{manifest.name}:{graph_sha256}"))
    bom.metadata.timestamp = dt.datetime.fromisoformat(manifest.created)
    bom.metadata.component = model
    libraries = [_library(name, version) for name, version in sorted(manifest.libraries.items())]
    bom.components.update(libraries)
    bom.register_dependency(model, libraries)
    written = json.loads(JsonV1Dot6(bom).output_as_string())
    # The library has no model cards yet, so ours goes into what it wrote.
    written["metadata"]["component"]["modelCard"] = card(manifest, signature)
    text = json.dumps(written, indent=2, ensure_ascii=False) + "\n"
    _validate(text)
    return text.encode()


def card(manifest: Manifest, signature: Signature) -> dict[str, Any]:
    """CycloneDX ``modelCard`` of a package."""
    parameters: dict[str, Any] = {
        "approach": {"type": "supervised"},
        "task": "classification" if isinstance(signature.output, Classes) else "regression",
        "modelArchitecture": manifest.source,
        "inputs": [{"format": f"{field.name}: {words(field)}"} for field in signature.inputs],
        "outputs": [{"format": output_words(signature.output)}],
    }
    if manifest.data:
        parameters["datasets"] = [
            {
                "type": "dataset",
                "name": f"training data, {manifest.data.rows} rows",
                "contents": {
                    "properties": [{"name": "interlock:sha256", "value": manifest.data.sha256}]
                },
            }
        ]
    metrics = [
        {"type": name, "value": repr(value), "slice": split}
        for split, values in manifest.metrics.items()
        for name, value in values.items()
    ]
    considerations = {
        "useCases": [manifest.intended_use] if manifest.intended_use else [],
        "technicalLimitations": [manifest.limitations] if manifest.limitations else [],
    }
    return {
        "modelParameters": parameters,
        "quantitativeAnalysis": {"performanceMetrics": metrics},
        "considerations": {name: said for name, said in considerations.items() if said},
    }


def output_words(output: Output) -> str:
    """What a model answers, in words.

    >>> output_words(Classes(labels=("no", "yes")))
    'one of no, yes, with a probability for each'
    """
    unit = "" if isinstance(output, Classes) or not output.unit else f" in {output.unit}"
    match output:
        case Classes(labels=labels):
            return f"one of {', '.join(str(x) for x in labels)}, with a probability for each"
        case Value():
            return f"a number{unit}"
        case Vector(steps=steps):
            return f"a number{unit} for each of {', '.join(steps)}"


def _model(manifest: Manifest, graph_sha256: str) -> Component:
    model = Component(
        type=ComponentType.MACHINE_LEARNING_MODEL,
        name=manifest.name,
        version=manifest.version,
        bom_ref=f"{manifest.name}@{manifest.version}",
        description=manifest.description or None,
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=graph_sha256)],
    )
    if manifest.license:
        model.licenses.add(LicenseFactory().make_from_string(manifest.license))
    for name, value in _properties(manifest).items():
        model.properties.add(Property(name=f"interlock:{name}", value=value))
    return model


def _properties(manifest: Manifest) -> dict[str, str]:
    found = {"architecture": manifest.architecture, "reason": manifest.reason}
    if manifest.owner:
        found["owner"] = manifest.owner
    if manifest.code:
        found["code"] = manifest.code.revision + (" (dirty)" if manifest.code.dirty else "")
    return found


def _library(name: str, version: str) -> Component:
    kind = ComponentType.PLATFORM if name == "python" else ComponentType.LIBRARY
    purl = None if name == "python" else PackageURL("pypi", name=name, version=version)
    return Component(type=kind, name=name, version=version, bom_ref=f"{name}@{version}", purl=purl)


def _validate(text: str) -> None:
    problem = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    if problem is not None:
        raise PackageError(f"the ML-BOM does not validate against CycloneDX 1.6: {problem}")
