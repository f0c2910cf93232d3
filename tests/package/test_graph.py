"""Writing graphs, and telling their structures apart."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pandas as pd
import pytest
from onnx import TensorProto, helper, numpy_helper
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, StandardScaler

from interlock.errors import ConversionError
from interlock.package import parity
from interlock.package.convert import Converted, convert, infer_output
from interlock.package.graph import Draft, architecture, checked, standard
from interlock.signature.infer import infer_inputs
from interlock.signature.schema import Classes, Number, Signature, Tensor, Text, Value, Vector

Array = np.ndarray[Any, Any]


def sample(seed: int) -> tuple[Array, Array]:
    """Rows and three classes, another draw for each seed."""
    rows = np.random.default_rng(seed).normal(size=(90, 6)).astype(np.float32)
    return rows, rows[:, :3].argmax(axis=1)


def converted(model: Any, seed: int) -> Converted:
    rows, truth = sample(seed)
    model.fit(rows, truth)
    signature = Signature(inputs=infer_inputs(rows), output=infer_output(model))
    return convert(model, signature, sample=rows)


def structure(model: Any, seed: int = 0) -> str:
    return architecture(converted(model, seed).graph)


def dims(info: onnx.ValueInfoProto) -> list[Any]:
    return [dim.dim_param or dim.dim_value for dim in info.type.tensor_type.shape.dim]


def test_inputs_and_outputs_follow_the_contract() -> None:
    """Tensors have a row axis and their shape, columns only the rows; so have outputs."""
    fields = Tensor(name="a", shape=(2, 3), dtype="int32"), Tensor(name="b", shape=())
    draft = Draft(Signature(inputs=fields, output=Vector(steps=("x", "y"))))
    graph = draft.finish({"values": draft.reshape(draft.cast("b", "float32"), -1, 2)}).graph
    assert [(info.name, dims(info)) for info in graph.input] == [
        ("a", ["rows", 2, 3]),
        ("b", ["rows"]),
    ]
    assert graph.input[0].type.tensor_type.elem_type == TensorProto.INT32
    assert [(info.name, dims(info)) for info in graph.output] == [("values", ["rows", 2])]


@pytest.mark.parametrize(("labels", "element"), [(("a", "b"), 8), ((0, 1), 7)])
def test_label_is_a_string_or_an_integer(labels: tuple[Any, ...], element: int) -> None:
    """The type of the label output is that of the labels."""
    draft = Draft(Signature(inputs=(Number(name="x"),), output=Classes(labels=labels)))
    label = draft.add("Gather", draft.constant(np.array(labels)), draft.cast("x", "int64"))
    chances = draft.add("Concat", *[draft.reshape("x", -1, 1)] * 2, axis=1)
    model = draft.finish({"label": label, "probabilities": chances})
    assert model.graph.output[0].type.tensor_type.elem_type == element
    got = parity.answers(model, {"x": np.array([0, 1], np.float32)})
    assert got["label"].tolist() == list(labels)


def test_string_column_passes_through() -> None:
    """Text is a string tensor of rank one."""
    draft = Draft(Signature(inputs=(Text(name="note"),), output=Value()))
    hot = draft.add("OneHotEncoder", "note", domain="ai.onnx.ml", cats_strings=["x"], zeros=1)
    model = draft.finish({"value": draft.reshape(hot, -1)})
    assert parity.answers(model, {"note": np.array(["x", ""], object)})["value"].tolist() == [1, 0]


def test_file_format_that_old_runtimes_read() -> None:
    """The format is the oldest that holds the graph, whatever the installed library would write."""
    assert converted(LogisticRegression(), 0).graph.ir_version == 8
    assert {opset.domain for opset in converted(LogisticRegression(), 0).graph.opset_import} == {
        "",
        "ai.onnx.ml",
    }


def test_embedding_twice_keeps_names_apart() -> None:
    """The same graph can be in a draft twice."""
    graph = helper.make_graph(
        [helper.make_node("Neg", ["x"], ["y"])],
        "negative",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n"])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n"])],
    )
    part = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 15)], ir_version=8)
    draft = Draft(Signature(inputs=(Number(name="x"),), output=Value()))
    once = draft.embed(part, {"x": "x"})["y"]
    twice = draft.embed(part, {"x": once})["y"]
    model = draft.finish({"value": twice})
    assert parity.answers(model, {"x": np.array([3], np.float32)})["value"].tolist() == [3]


def floats(name: str, *shape: str) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, list(shape))


def stored(name: str, value: Any) -> onnx.TensorProto:
    return numpy_helper.from_array(np.array(value), name)


def loop(*own: onnx.TensorProto) -> onnx.NodeProto:
    """Adds `step` to `h` three times: its own, or that of the graph around it."""
    nodes = [
        helper.make_node("Add", ["state", "step"], ["next"]),
        helper.make_node("Identity", ["go"], ["on"]),
    ]
    turn = helper.make_tensor_value_info("turn", TensorProto.INT64, [])
    go, on = (helper.make_tensor_value_info(name, TensorProto.BOOL, []) for name in ("go", "on"))
    taken, given = [turn, go, floats("state", "n")], [on, floats("next", "n")]
    body = helper.make_graph(nodes, "body", taken, given, own)
    return helper.make_node("Loop", ["times", "", "h"], ["y"], body=body)


def branches(then: onnx.NodeProto) -> onnx.NodeProto:
    """`then` when the sum of `x` is above 0, otherwise `h` times `step`."""
    product = helper.make_node("Mul", ["h", "step"], ["y"])
    return helper.make_node(
        "If",
        ["positive"],
        ["z"],
        then_branch=helper.make_graph([then], "then", [], [floats("y", "n")]),
        else_branch=helper.make_graph([product], "else", [], [floats("y", "n")]),
    )


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        (loop(), [7, 8]),
        (loop(stored("step", np.float32(10))), [31, 32]),
        (branches(helper.make_node("Add", ["h", "step"], ["y"])), [3, 4]),
        (branches(loop()), [7, 8]),
        (branches(loop(stored("step", np.float32(10)))), [31, 32]),
    ],
    ids=[
        "loop",
        "loop with a name of its own",
        "if",
        "loop in an if",
        "loop with a name of its own in an if",
    ],
)
def test_bodies_find_the_same_tensors_after_embedding(
    node: onnx.NodeProto, expected: list[float]
) -> None:
    """Branches and loop bodies read tensors around them, unless they have their own of the name."""
    nodes = [
        helper.make_node("Identity", ["x"], ["h"]),
        helper.make_node("ReduceSum", ["x"], ["sum"], keepdims=0),
        helper.make_node("Greater", ["sum", "zero"], ["positive"]),
        node,
    ]
    weights = [stored("times", np.int64(3)), stored("step", np.float32(2))]
    weights.append(stored("zero", np.float32(0)))
    result = node.output[0]
    graph = helper.make_graph(nodes, "g", [floats("x", "n")], [floats(result, "n")], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 15)], ir_version=8)
    feed = {"x": np.array([1, 2], np.float32)}
    assert parity.answers(model, feed)[result].tolist() == expected
    draft = Draft(Signature(inputs=(Number(name="x"),), output=Value()))
    embedded = draft.finish({"value": draft.embed(model, {"x": "x"})[result]})
    assert parity.answers(embedded, feed)["value"].tolist() == expected
    negative = {"x": -feed["x"]}
    before, after = parity.answers(model, negative), parity.answers(embedded, negative)
    assert after["value"].tolist() == before[result].tolist()


NAMES = ("constant1", "constant2", "reshape2", "part1/x", "part3/y", "part1", "neg4", "values", "é")


@pytest.mark.parametrize("name", NAMES)
def test_any_name_of_an_input_is_its_own(name: str) -> None:
    """Names inside step aside for those of the signature."""
    graph = helper.make_graph(
        [helper.make_node("Neg", ["x"], ["y"])], "negative", [floats("x", "n")], [floats("y", "n")]
    )
    part = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 15)], ir_version=8)
    draft = Draft(Signature(inputs=(Number(name=name), Number(name="other")), output=Value()))
    flat = draft.reshape(draft.embed(part, {"x": name})["y"], -1)
    again = draft.embed(part, {"x": draft.add("Neg", flat)})["y"]
    model = draft.finish({"value": draft.reshape(again, -1)})
    feed = {name: np.array([3, 4], np.float32), "other": np.zeros(2, np.float32)}
    assert parity.answers(model, feed)["value"].tolist() == [-3, -4]


@pytest.mark.parametrize(
    ("names", "output", "match"),
    [
        (["label"], Classes(labels=(0, 1)), "^label cannot be the name of an input"),
        (
            ["x", "probabilities", "label"],
            Classes(labels=(0, 1)),
            "^label and probabilities cannot",
        ),
        (["value"], Value(), "rename it, or leave it out"),
    ],
)
def test_inputs_called_as_outputs_are_refused(names: list[str], output: Any, match: str) -> None:
    """The contract names both, and a graph has each name once."""
    inputs = tuple(Number(name=name) for name in names)
    with pytest.raises(ConversionError, match=match):
        Draft(Signature(inputs=inputs, output=output))


def test_custom_operators_are_found_in_branches() -> None:
    """An operator of another domain is refused, also inside of an If."""
    odd = helper.make_node("Gelu", ["x"], ["y"], domain="com.microsoft")
    out = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n"])
    branch = helper.make_graph([odd], "branch", [], [out])
    node = helper.make_node("If", ["c"], ["z"], then_branch=branch, else_branch=branch)
    model = helper.make_model(helper.make_graph([node], "g", [], []))
    with pytest.raises(ConversionError, match=r"com\.microsoft\.Gelu is not standard ONNX"):
        standard(model)


def test_invalid_graph_is_refused() -> None:
    """The checker has the last word on every graph."""
    graph = helper.make_graph([helper.make_node("Neg", ["nowhere"], ["y"])], "g", [], [])
    with pytest.raises(ConversionError, match="not a valid ONNX graph"):
        checked(helper.make_model(graph))


@pytest.mark.parametrize(
    "recipe",
    [
        lambda: make_pipeline(StandardScaler(), LogisticRegression()),
        lambda: RandomForestClassifier(5),
        lambda: MLPClassifier((4,), max_iter=20),
    ],
    ids=["regression", "forest", "network"],
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_same_recipe_on_new_data_has_the_same_structure(recipe: Any) -> None:
    """Weights and trees are not structure."""
    assert structure(recipe(), 0) == structure(recipe(), 1)
    assert structure(recipe(), 0).startswith("sha256:")


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_other_kind_or_size_has_another_structure() -> None:
    """Another estimator, another layer size and another activation each change the digest."""
    models = [
        LogisticRegression(),
        RandomForestClassifier(5),
        MLPClassifier((4,), max_iter=5),
        MLPClassifier((5,), max_iter=5),
        MLPClassifier((4,), max_iter=5, activation="tanh"),
        make_pipeline(StandardScaler(), LogisticRegression()),
    ]
    assert len({structure(model) for model in models}) == len(models)


def test_names_inside_are_not_structure() -> None:
    """Renaming every tensor and node leaves the digest alone."""
    graph = converted(LogisticRegression(), 0).graph
    renamed = onnx.compose.add_prefix(graph, "other/", rename_inputs=False, rename_outputs=False)
    assert architecture(renamed) == architecture(graph)


def test_preprocessing_digest_is_of_the_recipe() -> None:
    """New data keeps it, another step or setting changes it, a bare estimator has none."""

    def digest(*steps: Any, seed: int = 0) -> str | None:
        return converted(make_pipeline(*steps, LogisticRegression()), seed).preprocessing

    scaled = digest(StandardScaler())
    assert scaled is not None
    assert scaled == digest(StandardScaler(), seed=1)
    assert scaled != digest(MinMaxScaler())
    assert scaled != digest(StandardScaler(with_mean=False))
    assert digest() is None


def test_preprocessing_digest_covers_columns() -> None:
    """The same encoder on another column is another recipe."""
    table = pd.DataFrame({"a": ["x", "y"] * 20, "b": ["p", "q", "q", "p"] * 10})

    def digest(column: str) -> str | None:
        steps = make_column_transformer((OneHotEncoder(), [column]))
        model = make_pipeline(steps, LogisticRegression()).fit(table, [0, 1] * 20)
        signature = Signature(inputs=infer_inputs(table), output=infer_output(model))
        return convert(model, signature, sample=table).preprocessing

    assert digest("a") == digest("a")
    assert digest("a") != digest("b")
