"""A model whose input says how long it takes and whether it fails."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from interlock import package
from interlock.signature import Signature, Tensor, Value

SIGNATURE = Signature(inputs=(Tensor(name="x", shape=(2,)),), output=Value())
_WIDTH = 192


def build_moody(out: Path) -> Path:
    """The package `moody`."""
    sample = np.array([[0, 0], [1, 0]] * 10, np.float32)
    built = package.build(graph(), name="moody", sample=sample, signature=SIGNATURE, out=out)
    return Path(built.path)


def record(choice: float = 0, turns: int = 0) -> dict[str, list[float]]:
    """10 for choice 0, 20 for choice 1, failure for any other, after `turns` times 0.2 ms."""
    return {"x": [choice, turns]}


def graph() -> onnx.ModelProto:
    """The first number picks from a table of two; the most turns of any row are worked off."""
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["rows", 2])
    value = helper.make_tensor_value_info("value", TensorProto.FLOAT, ["rows"])
    nodes = [
        helper.make_node("Cast", ["x"], ["whole"], to=TensorProto.INT64),
        helper.make_node("Gather", ["whole", "zero"], ["index"], axis=1),
        helper.make_node("Gather", ["table", "index"], ["picked"]),
        helper.make_node("Gather", ["whole", "one"], ["turns"], axis=1),
        helper.make_node("ReduceMax", ["turns"], ["most"], keepdims=0),
        helper.make_node("Loop", ["most", "", "square"], ["worked"], body=_work()),
        helper.make_node("ReduceMean", ["worked"], ["mean"], keepdims=0),
        helper.make_node("Mul", ["mean", "nothing"], ["trace"]),
        helper.make_node("Add", ["picked", "trace"], ["value"]),
    ]
    weights = [
        numpy_helper.from_array(np.array(0), "zero"),
        numpy_helper.from_array(np.array(1), "one"),
        numpy_helper.from_array(np.array([10, 20], np.float32), "table"),
        numpy_helper.from_array(np.array(0, np.float32), "nothing"),
        numpy_helper.from_array(np.full((_WIDTH, _WIDTH), 0.01, np.float32), "square"),
    ]
    made = helper.make_graph(nodes, "moody", [x], [value], weights)
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def _work() -> onnx.GraphProto:
    infos = {
        name: helper.make_tensor_value_info(name, kind, shape)
        for name, kind, shape in (
            ("turn", TensorProto.INT64, []),
            ("go", TensorProto.BOOL, []),
            ("before", TensorProto.FLOAT, [_WIDTH, _WIDTH]),
            ("still", TensorProto.BOOL, []),
            ("after", TensorProto.FLOAT, [_WIDTH, _WIDTH]),
        )
    }
    nodes = [
        helper.make_node("Identity", ["go"], ["still"]),
        helper.make_node("MatMul", ["before", "before"], ["product"]),
        helper.make_node("Tanh", ["product"], ["after"]),
    ]
    names = list(infos)
    return helper.make_graph(
        nodes, "work", [infos[name] for name in names[:3]], [infos[name] for name in names[3:]]
    )
