"""The OpenAPI 3.1 document of what is served at this moment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import interlock
from interlock.serve.served import Served
from interlock.signature import openapi

_ERROR = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message"],
            "properties": {
                "code": {"type": "string"},
                "message": {"type": "string"},
                "path": {"type": "string", "description": "JSON path of the field at fault"},
                "expected": {"type": "string"},
                "got": {"type": "string"},
            },
        }
    },
}

_V2_ERROR = {"type": "object", "required": ["error"], "properties": {"error": {"type": "string"}}}

_V2_REQUEST = {
    "type": "object",
    "required": ["inputs"],
    "properties": {
        "id": {"type": "string"},
        "parameters": {"type": "object"},
        "inputs": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["name", "shape", "datatype"],
                "properties": {
                    "name": {"type": "string"},
                    "shape": {"type": "array", "items": {"type": "integer"}},
                    "datatype": {"type": "string"},
                    "parameters": {"type": "object"},
                    "data": {"type": "array"},
                },
            },
        },
        "outputs": {"type": "array", "items": {"type": "object"}},
    },
}

_V2_ANSWER = {
    "type": "object",
    "required": ["model_name", "model_version", "outputs"],
    "properties": {
        "model_name": {"type": "string"},
        "model_version": {"type": "string"},
        "id": {"type": "string"},
        "parameters": {"type": "object"},
        "outputs": {"type": "array", "items": {"type": "object"}},
    },
}

_MOMENT = {"type": "string", "format": "date-time"}

_LABEL = {
    "type": "object",
    "required": ["label"],
    "properties": {
        "label": {
            "description": "a class; a number; or a number for each step, in order or by step",
            "type": ["string", "number", "array", "object"],
        },
        "prediction_id": {"type": "string", "format": "uuid"},
        "key": {"type": "string", "description": "routing key, instead of prediction_id"},
        "time": {**_MOMENT, "description": "the key's last prediction until then is meant"},
        "deployment": {"type": "string", "description": "the model that made the prediction"},
        "observed": {**_MOMENT, "description": "when the truth was seen"},
        "source": {"type": "string", "maxLength": 256, "description": "who or what saw it"},
    },
    "oneOf": [{"required": ["prediction_id"]}, {"required": ["key", "time"]}],
    "additionalProperties": False,
}

_ACCEPTED = {
    "type": "object",
    "required": ["accepted"],
    "properties": {"accepted": {"type": "integer", "description": "labels put on record"}},
}

_HEADERS = {
    "Interlock-Key": "routing key: the same key is answered by the same version",
    "Interlock-Subject": "whom the request is about, where that is not the key",
    "Interlock-Caller": "who asks, for the record",
    "Interlock-Version": "the version that shall answer, whatever the route says",
}

_REFUSALS = {
    "400": "The request does not fit the signature.",
    "404": "No such model or version.",
    "413": "The body is too large.",
    "415": "The body is not JSON.",
    "500": "The model or the server failed.",
    "503": "Too many requests wait: come back after Retry-After seconds.",
    "504": "No answer before the deadline.",
}


def document(models: Sequence[Served]) -> dict[str, Any]:
    """OpenAPI for `models`, with the real schema of each and one golden record as example.

    Its version is that of the model, or Interlock's where several are served.
    """
    schemas: dict[str, Any] = {
        "Error": _ERROR,
        "V2Error": _V2_ERROR,
        "V2Request": _V2_REQUEST,
        "V2Answer": _V2_ANSWER,
        "Label": _LABEL,
        "Accepted": _ACCEPTED,
    }
    paths: dict[str, Any] = {}
    for served in models:
        schemas[f"{served.name}.record"] = openapi.record(served.signature)
        schemas[f"{served.name}.answer"] = openapi.answer(served.signature)
        paths |= _model_paths(served, alone=len(models) == 1)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": ", ".join(f"{served.name} {served.version}" for served in models),
            "version": models[0].version if len(models) == 1 else interlock.__version__,
            "summary": f"Served by Interlock {interlock.__version__}.",
        },
        "paths": paths | {"/labels": {"post": _labels()}} | _server_paths(),
        "components": {"schemas": schemas},
    }


def _model_paths(served: Served, *, alone: bool) -> dict[str, Any]:
    name = served.name
    predict = {"post": _predict(served)}
    infer = _operation(f"Infer with {name} (V2)", name, "V2Request", "V2Answer", "V2Error")
    infer["parameters"] = _headers()
    paths: dict[str, Any] = {"/predict": predict} if alone else {}
    return paths | {
        f"/predict/{name}": predict,
        f"/v2/models/{name}": {"get": _get(f"Metadata of {name}", name)},
        f"/v2/models/{name}/ready": {"get": _get(f"Whether {name} is ready", name)},
        f"/v2/models/{name}/infer": {"post": infer},
    }


def _predict(served: Served) -> dict[str, Any]:
    name = served.name
    record, answer = f"{name}.record", f"{name}.answer"
    operation = _operation(f"Predict with {name}", name, record, answer, "Error")
    operation["parameters"] = _headers()
    body = operation["requestBody"]["content"]["application/json"]
    body["schema"] = _one_or_many(record)
    body["example"] = served.package.golden().records[0]
    said = operation["responses"]["200"]["content"]["application/json"]
    said["schema"] = _one_or_many(answer)
    about = served.package.manifest.description
    operation["description"] = f"{name} {served.version}. {about}".rstrip()
    return operation


def _headers() -> list[dict[str, Any]]:
    text = {"type": "string", "maxLength": 256}
    return [
        {"name": name, "in": "header", "description": about, "schema": text}
        for name, about in _HEADERS.items()
    ]


def _labels() -> dict[str, Any]:
    operation = _operation("Say what was true", "labels", "Label", "Accepted", "Error")
    body = operation["requestBody"]["content"]["application/json"]
    body["schema"] = _one_or_many("Label")
    responses = operation["responses"]
    responses["202"] = responses.pop("200") | {"description": "All of them are on record."}
    del responses["500"], responses["504"]
    operation["description"] = "The truth about predictions, one or many. The last one said holds."
    return operation


def _operation(summary: str, tag: str, request: str, answer: str, error: str) -> dict[str, Any]:
    refusals = {
        status: {"description": text, "content": _json(_reference(error))}
        for status, text in _REFUSALS.items()
    }
    return {
        "summary": summary,
        "tags": [tag],
        "requestBody": {"required": True, "content": _json(_reference(request))},
        "responses": {
            "200": {"description": "The answer.", "content": _json(_reference(answer))},
            **refusals,
        },
    }


def _get(summary: str, tag: str) -> dict[str, Any]:
    return {
        "summary": summary,
        "tags": [tag],
        "responses": {"200": {"description": "OK", "content": _json({"type": "object"})}},
    }


def _server_paths() -> dict[str, Any]:
    said = {
        "/health": "Workers and models",
        "/health/live": "Whether the server answers",
        "/health/ready": "Whether every worker is up",
        "/v2": "Server metadata",
        "/v2/health/live": "Whether the server answers (V2)",
        "/v2/health/ready": "Whether every worker is up (V2)",
    }
    return {path: {"get": _get(summary, "server")} for path, summary in said.items()}


def _one_or_many(schema: str) -> dict[str, Any]:
    one = _reference(schema)
    return {"oneOf": [one, {"type": "array", "items": one, "minItems": 1}]}


def _reference(schema: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{schema}"}


def _json(schema: dict[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}
