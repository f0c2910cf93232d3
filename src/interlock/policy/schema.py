"""The JSON Schema of `interlock.toml`, for editors that complete and check it while you type."""

from __future__ import annotations

from typing import Any

import msgspec

from interlock.policy.fields import fields
from interlock.policy.policy import Policy
from interlock.policy.table import Table, keys


def document() -> dict[str, Any]:
    """The schema, in draft 7, which editors of TOML understand.

    What one key alone can break is in it; contradictions between keys are found by `read`.

    >>> document()["properties"]["splits"]["properties"]["by"]["enum"]
    ['group', 'row', 'time']
    """
    head = {"$schema": "http://json-schema.org/draft-07/schema#", "title": "interlock.toml"}
    return head | _object(Policy)


def text() -> str:
    """The schema as a file."""
    return msgspec.json.format(msgspec.json.encode(document()), indent=2).decode() + "\n"


def _object(kind: type[Table]) -> dict[str, Any]:
    """Nothing is referred to, all stands in place: draft 7 ignores what is beside a reference."""
    explained = {field.name: field for field in fields(kind)}
    properties = {}
    for field in keys(kind).values():
        if field.name in explained:
            known = explained[field.name]
            value = _ecma(msgspec.json.schema(field.type))
            value.pop("title", None)
            value["description"] = f"{known.meaning} Allowed: {known.allowed}."
            default = {} if known.required else {"default": known.default}
            properties[field.name] = value | default
        else:
            properties[field.name] = _object(field.type)
    return {
        "type": "object",
        "description": (kind.__doc__ or "").strip(),
        "properties": properties,
        "required": [name for name, field in keys(kind).items() if field.required],
        "additionalProperties": False,
    }


def _ecma(node: Any) -> Any:
    r"""`node` with its patterns as JavaScript writes them, which has no ``\A`` and ``\Z``."""
    if not isinstance(node, dict):
        return node
    return {
        key: value.replace(r"\A", "^").replace(r"\Z", "$") if key == "pattern" else _ecma(value)
        for key, value in node.items()
    }
