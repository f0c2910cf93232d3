"""The signature in MLflow's words, so that `mlflow.pyfunc` reads a package as any other model.

Columns are given as tensors of rank one rather than as MLflow's column types: with those MLflow
hands the graph a DataFrame and flattens what comes back, which breaks on probabilities, and it
refuses int64 where float32 is declared. As tensors, pandas columns are cast to what the graph
takes, and answers keep their shapes.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from interlock.signature.schema import Classes, Input, Output, Signature, Tensor, Vector, dtype


def document(signature: Signature) -> dict[str, str]:
    """MLflow's signature as an `MLmodel` file holds it: inputs and outputs as JSON texts.

    >>> from interlock.signature import Number, Value
    >>> document(Signature(inputs=(Number(name="age"),), output=Value()))["outputs"]
    '[{"name": "value", "type": "tensor", "tensor-spec": {"dtype": "float32", "shape": [-1]}}]'
    """
    return {
        "inputs": json.dumps([_input(field) for field in signature.inputs], ensure_ascii=False),
        "outputs": json.dumps(_outputs(signature.output), ensure_ascii=False),
    }


def _input(field: Input) -> dict[str, Any]:
    return _spec(field.name, dtype(field), field.shape if isinstance(field, Tensor) else ())


def _outputs(output: Output) -> list[dict[str, Any]]:
    match output:
        case Classes(labels=labels):
            return [
                _spec("label", "str" if isinstance(labels[0], str) else "int64", ()),
                _spec("probabilities", "float32", (len(labels),)),
            ]
        case Vector(steps=steps):
            return [_spec("values", "float32", (len(steps),))]
    return [_spec("value", "float32", ())]


def _spec(name: str, kind: str, shape: Sequence[int]) -> dict[str, Any]:
    dtype_name = "object" if kind == "str" else kind
    spec = {"dtype": dtype_name, "shape": [-1, *shape]}
    return {"name": name, "type": "tensor", "tensor-spec": spec}
