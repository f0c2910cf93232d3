"""JSON Schemas (the 2020-12 dialect that OpenAPI 3.1 uses) of a signature's records and answers."""

from __future__ import annotations

from typing import Any, TypeAlias

from interlock.signature.ranges import Numeric
from interlock.signature.schema import (
    Boolean,
    Category,
    Classes,
    Input,
    Integer,
    Number,
    Output,
    Signature,
    Tensor,
    Text,
    Value,
    Vector,
)

Schema: TypeAlias = dict[str, Any]


def record(signature: Signature) -> Schema:
    """One record as the plain door takes it.

    Ranges are part of the schema only where the policy is to reject what lies outside.
    """
    reject = signature.out_of_range == "reject"
    return {
        "type": "object",
        "properties": {
            field.name: _described(field, _input(field, reject=reject))
            for field in signature.inputs
        },
        "required": [
            field.name for field in signature.inputs if not getattr(field, "nullable", False)
        ],
        "additionalProperties": False,
    }


def answer(signature: Signature) -> Schema:
    """One answer of the plain door."""
    properties = {
        "prediction_id": {"type": "string", "format": "uuid", "description": "UUIDv7"},
        "model": {"type": "string"},
        "version": {"type": "string"},
        **_output(signature.output),
    }
    required = list(properties)
    if signature.out_of_range != "reject":
        properties["flags"] = {
            "type": "object",
            "description": "Inputs outside their range, and what was done about it.",
            "additionalProperties": {"enum": ["clipped", "out_of_range"]},
        }
    return {"type": "object", "properties": properties, "required": required}


def _described(field: Input, schema: Schema) -> Schema:
    words = [field.description, f"Unit: {field.unit}." if field.unit else ""]
    said = " ".join(word for word in words if word)
    return {**schema, "description": said} if said else schema


def _input(field: Input, *, reject: bool) -> Schema:
    schema = _required_input(field, reject=reject)
    if not getattr(field, "nullable", False):
        return schema
    if "enum" in schema:
        return {"enum": [*schema["enum"], None]}
    return {**schema, "type": [schema["type"], "null"]}


def _required_input(field: Input, *, reject: bool) -> Schema:
    match field:
        case Tensor():
            return _array(field, reject=reject)
        case Number() | Integer():
            return _number(field, reject=reject)
        case Boolean():
            return {"type": "boolean"}
        case Category():
            return {"type": "string", "enum": list(field.values)}
        case Text():
            limit = {"maxLength": field.max_length} if field.max_length else {}
            return {"type": "string", **limit}


def _array(field: Tensor, *, reject: bool) -> Schema:
    boolean = field.dtype == "bool"
    schema: Schema = {"type": "boolean"} if boolean else _number(field, reject=reject)
    for size in reversed(field.shape):
        schema = {"type": "array", "items": schema, "minItems": size, "maxItems": size}
    return schema


def _number(field: Numeric, *, reject: bool) -> Schema:
    """`format` says what the graph can hold, beside the declared range."""
    width = "int64" if isinstance(field, Integer) else field.dtype
    kind = "integer" if width.startswith("int") else "number"
    form = {"float32": "float", "float64": "double"}.get(width, width)
    return {"type": kind, "format": form, **_range(field, reject=reject)}


def _range(field: Numeric, *, reject: bool) -> Schema:
    limits = {"minimum": field.minimum, "maximum": field.maximum} if reject else {}
    return {key: value for key, value in limits.items() if value is not None}


def _output(output: Output) -> Schema:
    share = {"type": "number", "minimum": 0, "maximum": 1}
    match output:
        case Classes(labels=labels):
            names = [str(label) for label in labels]
            return {
                "label": {"enum": list(labels), "description": output.description},
                "confidence": {**share, "description": "Probability of the label answered."},
                "probabilities": _by_name(names, share),
            }
        case Value():
            return {"value": {"type": "number", "description": _unit(output)}}
        case Vector(steps=steps):
            return {
                "values": {
                    **_by_name(list(steps), {"type": "number"}),
                    "description": _unit(output),
                }
            }


def _by_name(names: list[str], schema: Schema) -> Schema:
    return {
        "type": "object",
        "properties": dict.fromkeys(names, schema),
        "required": names,
        "additionalProperties": False,
    }


def _unit(output: Value | Vector) -> str:
    return " ".join(word for word in (output.description, output.unit) if word)
