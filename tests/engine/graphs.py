"""Small ONNX graphs, written by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import onnx
from onnx import TensorProto, helper

from interlock.signature import Signature, Tensor, Value

SIGNATURE = Signature(inputs=(Tensor(name="x", shape=(2,)),), output=Value())


def save(path: Path, graph: onnx.GraphProto) -> Path:
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, path)
    return path


def info(name: str, kind: int, *shape: Any) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, list(shape))


def total(path: Path, *, rows: Any = "N", name: str = "x", output: str = "value") -> Path:
    """A graph that adds up the two numbers of each row."""
    constant = helper.make_tensor("axes", TensorProto.INT64, [1], [1])
    node = helper.make_node("ReduceSum", [name, "axes"], [output], keepdims=0)
    graph = helper.make_graph(
        [node],
        "total",
        [info(name, TensorProto.FLOAT, rows, 2)],
        [info(output, TensorProto.FLOAT, rows)],
        [constant],
    )
    return save(path, graph)


def picky(path: Path) -> Path:
    """A graph that fails on a row whose first number is not 0 or 1: it is used as an index."""
    nodes = [
        helper.make_node("Cast", ["x"], ["whole"], to=TensorProto.INT64),
        helper.make_node("Gather", ["whole", "first"], ["index"], axis=1),
        helper.make_node("Gather", ["table", "index"], ["value"]),
    ]
    initializers = [
        helper.make_tensor("first", TensorProto.INT64, [], [0]),
        helper.make_tensor("table", TensorProto.FLOAT, [2], [10.0, 20.0]),
    ]
    graph = helper.make_graph(
        nodes,
        "picky",
        [info("x", TensorProto.FLOAT, "N", 2)],
        [info("value", TensorProto.FLOAT, "N")],
        initializers,
    )
    return save(path, graph)


def columns(path: Path) -> Path:
    """A graph with an input of every dtype that columns have; it answers the first of them."""
    kinds = {
        "number": TensorProto.FLOAT,
        "double": TensorProto.DOUBLE,
        "count": TensorProto.INT64,
        "flag": TensorProto.BOOL,
        "word": TensorProto.STRING,
    }
    names = {name: "value" if name == "number" else f"{name}_out" for name in kinds}
    nodes = [helper.make_node("Identity", [name], [out]) for name, out in names.items()]
    inputs = [info(name, kind, "N") for name, kind in kinds.items()]
    outputs = [info(out, kinds[name], "N") for name, out in names.items()]
    return save(path, helper.make_graph(nodes, "columns", inputs, outputs))
