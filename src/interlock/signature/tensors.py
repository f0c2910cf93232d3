"""The tensors of Open Inference Protocol V2 that a signature stands for."""

from __future__ import annotations

import struct
from typing import Any

import msgspec
import numpy as np

from interlock.signature.schema import Classes, Output, Signature, Tensor, Vector, dtype

DATATYPES = {
    "float32": "FP32",
    "float64": "FP64",
    "int64": "INT64",
    "int32": "INT32",
    "bool": "BOOL",
    "str": "BYTES",
}
KINDS = {datatype: kind for kind, datatype in DATATYPES.items()}


class TensorMetadata(msgspec.Struct, frozen=True):
    """One tensor as ``GET /v2/models/{m}`` describes it; -1 stands for the batch."""

    name: str
    datatype: str
    shape: list[int]


def input_metadata(signature: Signature) -> list[TensorMetadata]:
    """The graph's inputs, in the signature's order."""
    return [
        TensorMetadata(
            field.name,
            DATATYPES[dtype(field)],
            [-1, *(field.shape if isinstance(field, Tensor) else ())],
        )
        for field in signature.inputs
    ]


def output_metadata(output: Output) -> list[TensorMetadata]:
    """Outputs of the graph, then those that the server adds: confidence and prediction id."""
    prediction_id = TensorMetadata("prediction_id", "BYTES", [-1])
    match output:
        case Classes(labels=labels):
            label_type = "BYTES" if isinstance(labels[0], str) else "INT64"
            return [
                TensorMetadata("label", label_type, [-1]),
                TensorMetadata("probabilities", "FP32", [-1, len(labels)]),
                TensorMetadata("confidence", "FP32", [-1]),
                prediction_id,
            ]
        case Vector(steps=steps):
            return [TensorMetadata("values", "FP32", [-1, len(steps)]), prediction_id]
        case _:
            return [TensorMetadata("value", "FP32", [-1]), prediction_id]


def encode_tensor(
    metadata: TensorMetadata, values: np.ndarray[Any, Any], *, binary: bool
) -> tuple[dict[str, Any], bytes]:
    """A response output (the JSON part, the binary part) for `values` of [rows, …]."""
    said: dict[str, Any] = {
        "name": metadata.name,
        "shape": list(values.shape),
        "datatype": metadata.datatype,
    }
    if not binary:
        return {**said, "data": values.reshape(-1).tolist()}, b""
    raw = _strings(values) if metadata.datatype == "BYTES" else _numbers(metadata, values)
    return {**said, "parameters": {"binary_data_size": len(raw)}}, raw


def _strings(values: np.ndarray[Any, Any]) -> bytes:
    encoded = [str(value).encode() for value in values.reshape(-1)]
    return b"".join(struct.pack("<I", len(item)) + item for item in encoded)


def _numbers(metadata: TensorMetadata, values: np.ndarray[Any, Any]) -> bytes:
    return values.astype(np.dtype(KINDS[metadata.datatype]).newbyteorder("<")).tobytes()
