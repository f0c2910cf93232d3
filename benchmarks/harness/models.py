"""The two models that are served: packages, one request, and the answer that onnxruntime gives."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper
from sklearn.datasets import make_classification
from sklearn.neural_network import MLPClassifier

import interlock.package
from interlock.signature import Classes, Signature, Tensor

SAMPLES = 140
LABELS = ("normal", "r_on_t", "premature", "supraventricular", "unclassified")
SIGNATURE = Signature(
    inputs=(Tensor(name="beat", shape=(SAMPLES,)),), output=Classes(labels=LABELS)
)


class Case(NamedTuple):
    """One model, the request that is sent all the time, and the right answer to it."""

    name: str
    package: Path
    graph: Path
    body: Path
    label: str
    probability: float


def small(folder: Path) -> Case:
    """A multilayer perceptron with 32 hidden units: the model itself takes some 10 µs."""
    rows, classes = make_classification(
        400, SAMPLES, n_informative=20, n_classes=len(LABELS), random_state=7
    )
    labels = np.array(LABELS)[classes]
    model = MLPClassifier((32,), max_iter=20, tol=1.0, random_state=7).fit(rows, labels)
    return _case("small", model, rows.astype(np.float32), folder)


def large(folder: Path) -> Case:
    """A 1-D convolutional network with fixed random weights: some 0.2 ms a row once packaged."""
    rows = np.random.default_rng(7).normal(size=(200, SAMPLES)).astype(np.float32)
    path = folder / "large.onnx"
    onnx.save(_network(), path)
    return _case("large", path, rows, folder)


def _case(name: str, model: Any, rows: np.ndarray[Any, Any], folder: Path) -> Case:
    package = interlock.package.build(
        model, name=name, sample=rows, signature=SIGNATURE, out=folder / name
    )
    row = np.round(rows[:1], 5)
    body = folder / f"{name}.json"
    body.write_text(json.dumps({"beat": [round(float(value), 5) for value in row[0]]}))
    session = ort.InferenceSession(str(package.graph_path), providers=["CPUExecutionProvider"])
    label, probabilities = session.run(["label", "probabilities"], {"beat": row})
    return Case(
        name, package.path, package.graph_path, body, str(label[0]), float(probabilities[0].max())
    )


def _network() -> onnx.ModelProto:
    """Three convolutions, a mean over time and one dense layer; logits of five classes."""
    random = np.random.default_rng(7)
    weights = {
        "wide": random.normal(0, 0.3, (64, 1, 7)),
        "deep": random.normal(0, 0.06, (128, 64, 5)),
        "deeper": random.normal(0, 0.05, (168, 128, 5)),
        "dense": random.normal(0, 0.5, (168, len(LABELS))),
    }
    nodes = [
        helper.make_node("Unsqueeze", ["beat", "channel"], ["wave"]),
        helper.make_node("Conv", ["wave", "wide"], ["a"], pads=[3, 3]),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("MaxPool", ["b"], ["c"], kernel_shape=[2], strides=[2]),
        helper.make_node("Conv", ["c", "deep"], ["d"], pads=[2, 2]),
        helper.make_node("Relu", ["d"], ["e"]),
        helper.make_node("Conv", ["e", "deeper"], ["f"], pads=[2, 2]),
        helper.make_node("Relu", ["f"], ["g"]),
        helper.make_node("ReduceMean", ["g", "time"], ["h"], keepdims=0),
        helper.make_node("MatMul", ["h", "dense"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
    ]
    constants = [
        numpy_helper.from_array(values.astype(np.float32), name) for name, values in weights.items()
    ]
    constants += [
        numpy_helper.from_array(np.array([1]), "channel"),
        numpy_helper.from_array(np.array([2]), "time"),
    ]
    beat = helper.make_tensor_value_info("beat", TensorProto.FLOAT, ["rows", SAMPLES])
    answer = helper.make_tensor_value_info(
        "probabilities", TensorProto.FLOAT, ["rows", len(LABELS)]
    )
    graph = helper.make_graph(nodes, "cnn", [beat], [answer], constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
