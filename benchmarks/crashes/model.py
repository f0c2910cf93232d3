"""The model that is served: small, so that much is answered between two kills."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

import interlock.package
from interlock.signature import Classes, Signature, Tensor

NAME = "crash"
WIDTH = 8
LABELS = ("low", "middle", "high")

SIGNATURE = Signature(inputs=(Tensor(name="beat", shape=(WIDTH,)),), output=Classes(labels=LABELS))


def build(folder: Path) -> Path:
    """A package of it in `folder`."""
    sample = np.random.default_rng(5).normal(size=(40, WIDTH)).astype(np.float32)
    built = interlock.package.build(
        _network(), name=NAME, sample=sample, signature=SIGNATURE, out=folder / NAME
    )
    return Path(built.path)


def _network() -> onnx.ModelProto:
    weights = np.random.default_rng(7).normal(0, 0.3, (WIDTH, len(LABELS))).astype(np.float32)
    graph = helper.make_graph(
        [
            helper.make_node("MatMul", ["beat", "weights"], ["logits"]),
            helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
        ],
        NAME,
        [helper.make_tensor_value_info("beat", TensorProto.FLOAT, ["rows", WIDTH])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["rows", len(LABELS)])],
        [numpy_helper.from_array(weights, "weights")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
