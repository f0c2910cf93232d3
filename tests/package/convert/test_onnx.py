"""Models that are ONNX already: brought under the signature's names, or refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pandas as pd
import pytest
from onnx import TensorProto, helper, numpy_helper
from skl2onnx import to_onnx
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from interlock.errors import ConversionError
from interlock.package.convert import convert, infer_output, load, reference
from interlock.signature.schema import Classes, Signature, Tensor, Value, Vector
from tests.package.convert.conftest import Proof, describe

Array = np.ndarray[Any, Any]
KINDS = Classes(labels=("apex", "base", "core"))


def network(
    columns: int, *, shape: tuple[Any, ...] = ("n", 8), name: str = "x", domain: str = ""
) -> onnx.ModelProto:
    """One layer from eight numbers to so many columns, written by hand."""
    weights = np.random.default_rng(1).normal(size=(8, columns)).astype(np.float32)
    flat = helper.make_node("Flatten", [name], ["flat"])
    layer = helper.make_node("MatMul", ["flat", "weights"], ["logits"], domain=domain)
    graph = helper.make_graph(
        [flat, layer],
        "network",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", columns])],
        [numpy_helper.from_array(weights, "weights")],
    )
    opsets = [helper.make_opsetid("", 15)] + ([helper.make_opsetid(domain, 1)] if domain else [])
    return helper.make_model(graph, opset_imports=opsets, ir_version=8)


def test_logits(prove: Proof, beats: Array) -> None:
    """A network's logits become probabilities by the activation, labels by the signature."""
    converted = prove(network(3), beats, describe(beats, KINDS), activation="softmax")
    assert [info.name for info in converted.graph.graph.output] == ["label", "probabilities"]
    assert converted.source == "onnx.ModelProto"


def test_one_logit_for_two_labels(prove: Proof, beats: Array) -> None:
    """One column is the chance of the second label."""
    signature = describe(beats, Classes(labels=("well", "ill")))
    prove(network(1), beats, signature, activation="sigmoid")


@pytest.mark.parametrize(("columns", "output"), [(1, Value()), (2, Vector(steps=("a", "b")))])
def test_numbers(prove: Proof, beats: Array, columns: int, output: Value | Vector) -> None:
    """A network may answer numbers."""
    prove(network(columns), beats, describe(beats, output))


def test_input_of_another_name_and_shape(prove: Proof, beats: Array) -> None:
    """The only input is the signature's, reshaped where it has the same number of values."""
    model = network(3, shape=("n", 1, 8), name="signal")
    signature = Signature(inputs=(Tensor(name="beat", shape=(8,)),), output=KINDS)
    converted = prove(model, beats, signature, activation="softmax")
    assert converted.graph.graph.input[0].name == "beat"


def test_columns_for_one_matrix(prove: Proof, beats: Array) -> None:
    """Named columns go side by side into the model's one input."""
    frame = pd.DataFrame(beats).add_prefix("x").assign(x3=np.arange(len(beats)))
    prove(network(3), frame, describe(frame, KINDS), activation="softmax")


@pytest.mark.parametrize("zipmap", [True, False])
def test_converted_classifier(prove: Proof, beats: Array, kinds: Array, zipmap: bool) -> None:
    """What skl2onnx writes keeps its own labels, with probabilities as a tensor or as maps."""
    model = LogisticRegression().fit(beats, kinds)
    graph = to_onnx(model, beats[:1], options={"zipmap": zipmap}, target_opset=15)
    assert infer_output(graph) == KINDS
    signature = describe(beats, Classes(labels=("core", "base", "apex")))
    prove(graph, beats, signature)
    own = reference(graph, signature, beats)
    assert (own["label"] == model.predict(beats)).all()
    assert np.allclose(own["probabilities"], model.predict_proba(beats)[:, ::-1], atol=1e-5)


def test_labels_without_a_list_of_classes(prove: Proof, beats: Array, kinds: Array) -> None:
    """String labels of a graph that lists no classes are taken in the signature's order."""
    model = MLPClassifier((4,), max_iter=2000, random_state=0).fit(beats, kinds)
    graph = to_onnx(model, beats[:1], options={"zipmap": False}, target_opset=15)
    with pytest.raises(ConversionError, match="does not name its classes"):
        infer_output(graph)
    prove(graph, beats, describe(beats, KINDS))


def test_regressor_with_named_columns(prove: Proof, table: pd.DataFrame) -> None:
    """Inputs of the same names as the signature's are matched by name, in any order."""
    numbers = table[["age", "fee"]].astype(np.float32)
    steps = make_column_transformer((StandardScaler(), ["age", "fee"]))
    model = make_pipeline(steps, LinearRegression()).fit(numbers, table.fee)
    graph = to_onnx(model, numbers[:1], target_opset=15)
    prove(graph, numbers[["fee", "age"]], describe(numbers[["fee", "age"]], Value()))


def test_file(prove: Proof, beats: Array, tmp_path: Path) -> None:
    """A file is loaded by its path, weights beside it included."""
    path = tmp_path / "model.onnx"
    onnx.save(
        network(3), path, save_as_external_data=True, location="weights.bin", size_threshold=0
    )
    prove(load(path), beats, describe(beats, KINDS), activation="softmax")


def test_weights_outside_of_the_directory(tmp_path: Path) -> None:
    """Weights may not be read from anywhere else, nor be missing."""
    model, path = network(3), tmp_path / "model.onnx"
    onnx.save(model, path, save_as_external_data=True, location="weights.bin", size_threshold=0)
    stray = onnx.load(path, load_external_data=False)
    stray.graph.initializer[0].external_data[0].value = "../secret.bin"
    path.write_bytes(stray.SerializeToString())
    with pytest.raises(ConversionError, match=r"\.\./secret\.bin, outside of"):
        load(path)
    stray.graph.initializer[0].external_data[0].value = "absent.bin"
    path.write_bytes(stray.SerializeToString())
    with pytest.raises(ConversionError, match=r"missing: no file absent\.bin"):
        load(path)


def test_weights_that_are_not_loaded(beats: Array, tmp_path: Path) -> None:
    """A model in memory must be whole."""
    path = tmp_path / "model.onnx"
    onnx.save(network(3), path, save_as_external_data=True, location="w", size_threshold=0)
    hollow = onnx.load(path, load_external_data=False)
    with pytest.raises(ConversionError, match="weights are not loaded"):
        convert(hollow, describe(beats, KINDS), sample=beats)


def test_file_of_something_else(tmp_path: Path) -> None:
    """Bytes that are not ONNX are refused by the file's name."""
    path = tmp_path / "model.onnx"
    path.write_bytes(b"not a graph")
    with pytest.raises(ConversionError, match=r"model\.onnx: not an ONNX file"):
        load(path)


@pytest.mark.parametrize(
    ("model", "complaint"),
    [
        (network(3, domain="com.example"), r"com\.example\.MatMul is not standard ONNX"),
        (network(3, shape=(1, 8)), "takes exactly 1 rows"),
        (network(3, shape=("n", 9)), r"rows of shape \[9\].*\[8\]"),
        (network(4), "4 columns, the signature has 3 labels"),
    ],
    ids=["custom operator", "fixed rows", "other shape", "other labels"],
)
def test_graphs_that_cannot_be_served(beats: Array, model: onnx.ModelProto, complaint: str) -> None:
    """Each reason to refuse a graph is said in words."""
    with pytest.raises(ConversionError, match=complaint):
        convert(model, describe(beats, KINDS), sample=beats)


@pytest.mark.parametrize(
    "domain",
    ["com.microsoft", "ai.onnx.training", "ai.onnx.preview", "pkg.onnxscript.torch_lib", "ai.onnx"],
)
def test_domains_that_are_declared_but_not_used(prove: Proof, beats: Array, domain: str) -> None:
    """Exporters declare what they might have used; the graph declares what it uses."""
    model = network(3)
    model.opset_import.append(helper.make_opsetid(domain, 1))
    converted = prove(model, beats, describe(beats, KINDS), activation="softmax")
    assert {opset.domain for opset in converted.graph.opset_import} == {"", "ai.onnx.ml"}


@pytest.mark.parametrize("version", [13, 15])
def test_functions_of_the_models_own(prove: Proof, beats: Array, version: int) -> None:
    """They are written out where they are called, also those within others and in older words."""
    standard = helper.make_opsetid("", version)
    own = helper.make_opsetid("mine", 1)
    twice = helper.make_function(
        *("mine", "Twice", ["a"], ["b"], [helper.make_node("Sum", ["a", "a"], ["b"])], [standard])
    )
    nodes = [
        helper.make_node("Twice", ["a"], ["c"], domain="mine"),
        helper.make_node("Neg", ["c"], ["b"]),
    ]
    both = helper.make_function("mine", "Both", ["a"], ["b"], nodes, [standard, own])
    model = network(3, domain="mine")
    model.functions.extend([twice, both])
    del model.graph.node[1:]
    model.graph.node.append(helper.make_node("MatMul", ["flat", "weights"], ["plain"]))
    model.graph.node.append(helper.make_node("Both", ["plain"], ["logits"], domain="mine"))
    converted = prove(model, beats, describe(beats, KINDS), activation="softmax").graph
    assert not converted.functions
    assert {node.domain for node in converted.graph.node} == {""}
    assert {"Sum", "Neg"} <= {node.op_type for node in converted.graph.node}


def test_operator_of_the_runtimes_own_is_refused(beats: Array) -> None:
    """ONNX Runtime would run it; what reads only standard ONNX would not."""
    model = network(3)
    model.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    model.graph.node[1].output[0] = "plain"
    node = helper.make_node("Gelu", ["plain"], ["logits"], domain="com.microsoft")
    model.graph.node.append(node)
    with pytest.raises(ConversionError, match=r"com\.microsoft\.Gelu is not standard ONNX"):
        convert(model, describe(beats, KINDS), sample=beats, activation="softmax")


def test_graph_that_the_checker_refuses(beats: Array) -> None:
    """A node without its input does not get past the checker."""
    model = network(3)
    model.graph.node[1].input[0] = "nowhere"
    with pytest.raises(ConversionError, match="not a valid ONNX graph"):
        convert(model, describe(beats, KINDS), sample=beats)


def test_inputs_that_do_not_match(beats: Array) -> None:
    """Several inputs of other number than the signature's cannot be guessed."""
    first = helper.make_tensor_value_info("a", TensorProto.FLOAT, ["n", 8])
    second = helper.make_tensor_value_info("b", TensorProto.FLOAT, ["n", 8])
    out = helper.make_tensor_value_info("c", TensorProto.FLOAT, ["n", 8])
    graph = helper.make_graph(
        [helper.make_node("Add", ["a", "b"], ["c"])], "g", [first, second], [out]
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 15)], ir_version=8)
    with pytest.raises(ConversionError, match="inputs a, b; the signature has input"):
        convert(model, describe(beats, KINDS), sample=beats)
