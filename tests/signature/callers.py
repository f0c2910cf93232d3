"""How clients of Open Inference Protocol V2 write records: JSON flat, JSON nested, and binary."""

from __future__ import annotations

import json
import struct
from typing import Any

import numpy as np

from interlock.signature import Signature, Tensor, dtype
from interlock.signature.tensors import DATATYPES

Record = dict[str, Any]


def as_json(signature: Signature, records: list[Record], *, nested: bool = False) -> bytes:
    """A request with all data in JSON; a column goes as [rows, 1] when nested."""
    inputs = []
    for field in signature.inputs:
        column = [record.get(field.name) for record in records]
        inner = list(field.shape) if isinstance(field, Tensor) else []
        if nested and not inner:
            inner, column = [1], [[value] for value in column]
        data = column if nested else flat(column, len(inner))
        inputs.append(
            {
                "name": field.name,
                "shape": [len(records), *inner],
                "datatype": DATATYPES[dtype(field)],
                "data": numbers(field, data),
            }
        )
    return json.dumps({"id": "7", "inputs": inputs}, ensure_ascii=False).encode()


def as_binary(signature: Signature, records: list[Record]) -> tuple[bytes, int]:
    """A request with all data in the binary part, and the length of its JSON part."""
    inputs: list[dict[str, Any]] = []
    tail = b""
    for field in signature.inputs:
        inner = list(field.shape) if isinstance(field, Tensor) else []
        column = flat([record.get(field.name) for record in records], len(inner))
        raw = raw_bytes(column, dtype(field))
        tail += raw
        inputs.append(
            {
                "name": field.name,
                "shape": [len(records), *inner],
                "datatype": DATATYPES[dtype(field)],
                "parameters": {"binary_data_size": len(raw)},
            }
        )
    head = json.dumps({"inputs": inputs}).encode()
    return head + tail, len(head)


def raw_bytes(values: list[Any], kind: str) -> bytes:
    """Elements as the binary extension has them."""
    if kind != "str":
        return np.array(values, np.dtype(kind).newbyteorder("<")).tobytes()
    encoded = [(value or "").encode() for value in values]
    return b"".join(struct.pack("<I", len(item)) + item for item in encoded)


def flat(values: list[Any], depth: int) -> list[Any]:
    for _ in range(depth):
        values = [value for part in values for value in part]
    return values


def numbers(field: Any, data: Any) -> Any:
    """Booleans that may be missing travel as numbers."""
    if isinstance(data, list):
        return [numbers(field, value) for value in data]
    return float(data) if isinstance(data, bool) and dtype(field) == "float32" else data
