"""Comparing a graph's answers with the model's."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from sklearn.ensemble import RandomForestClassifier

from interlock.errors import ConversionError, ParityError
from interlock.package import parity
from interlock.package.convert import convert, infer_output, reference
from interlock.package.graph import Draft
from interlock.package.manifest import Parity
from interlock.signature.infer import feeds, infer_inputs
from interlock.signature.schema import Number, Signature, Value


@pytest.fixture
def double() -> onnx.ModelProto:
    """A graph that answers twice its input."""
    draft = Draft(Signature(inputs=(Number(name="x"),), output=Value()))
    return draft.finish({"value": draft.add("Add", "x", "x")})


def test_graph_that_agrees(double: onnx.ModelProto) -> None:
    """The report counts rows and keeps the tolerance."""
    x = np.array([1, 2, 3], np.float32)
    report = parity.check(double, {"x": x}, {"value": 2.0 * x}, tolerance=1e-6)
    assert report == Parity(rows=3, largest_difference=0.0, labels_changed=0, tolerance=1e-6)


def test_graph_that_disagrees(double: onnx.ModelProto) -> None:
    """The error shows both answers of the worst row."""
    x = np.array([1, 2, 3], np.float32)
    with pytest.raises(ParityError) as caught:
        parity.check(double, {"x": x}, {"value": np.array([2.0, 4.5, 6.1])})
    assert "Worst is row 1" in str(caught.value)
    assert "model: value 4.5" in str(caught.value)
    assert "graph: value 4.0" in str(caught.value)


def test_values_are_compared_relative_to_their_size() -> None:
    """The same difference counts less on a large number, and in full near zero."""
    small = parity.compare({"value": np.array([5e-5])}, {"value": np.array([0.0])})
    assert small.largest_difference == pytest.approx(5e-5)
    large = parity.compare({"value": np.array([1000.05])}, {"value": np.array([1000.0])})
    assert large.largest_difference == pytest.approx(5e-5, rel=0.01)
    with pytest.raises(ParityError):
        parity.compare({"value": np.array([0.05])}, {"value": np.array([0.0])})


def test_probabilities_are_compared_as_they_are() -> None:
    """Probabilities differ by at most the tolerance, absolutely."""
    label = np.array(["a", "b"], object)
    model = {"label": label, "probabilities": np.array([[0.9, 0.1], [0.2, 0.8]])}
    shifted = {"label": label, "probabilities": model["probabilities"] + np.array([2e-4, 0])}
    assert parity.compare(shifted, model, tolerance=1e-3).labels_changed == 0
    with pytest.raises(ParityError, match=r"largest difference 0\.0002 \(tolerance 0\.0001\)"):
        parity.compare(shifted, model)


def test_one_changed_label() -> None:
    """A changed label is refused however close the probabilities are, and is the worst row."""
    chances = np.array([[0.50001, 0.49999], [0.49999, 0.50001], [0.2, 0.8]])
    model = {"label": np.array([0, 1, 1]), "probabilities": chances}
    shifted = chances + np.array([[0], [0], [1e-5]])
    graph = {"label": np.array([0, 0, 1]), "probabilities": shifted}
    with pytest.raises(ParityError, match=r"1 of 3 labels changed(.|\n)*Worst is row 1"):
        parity.compare(graph, model)


def test_forest_of_two_trees_that_ties() -> None:
    """Sums of leaves that are equal but for rounding go either way: counted, and no failure."""
    random = np.random.default_rng(27)
    rows = random.integers(0, 4, (40, 3)).astype(np.float32)
    model = RandomForestClassifier(2, max_depth=3, random_state=0)
    model.fit(rows, random.integers(0, 3, 40))
    grid = np.stack(np.meshgrid(*[np.arange(4.0)] * 3), -1).reshape(-1, 3).astype(np.float32)
    signature = Signature(inputs=infer_inputs(grid), output=infer_output(model))
    graph = convert(model, signature, sample=grid).graph
    expected = reference(model, signature, grid)
    feed = feeds(signature, grid)
    differ = parity.answers(graph, feed)["label"] != expected["label"]
    assert differ.any()
    report = parity.check(graph, feed, expected)
    assert (report.ties, report.labels_changed) == (differ.sum(), 0)


THREE = np.array([[0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0.1, 0.1, 0.8], [0.4, 0.4, 0.2]])


@pytest.mark.parametrize(("label", "ties"), [("a", 0), ("b", 1)])
def test_tie_lets_either_of_its_labels_pass(label: str, ties: int) -> None:
    """The graph may answer one or the other of those that the model finds equally probable."""
    model = {"label": np.array(["a", "b", "c", "a"], object), "probabilities": THREE}
    graph = {**model, "label": np.array(["a", "b", "c", label], object)}
    report = parity.compare(graph, model)
    assert (report.ties, report.labels_changed) == (ties, 0)


@pytest.mark.parametrize("label", ["c", "d"])
def test_tie_lets_no_other_label_pass(label: str) -> None:
    """A label that is less probable, or that the model never gives, is a changed label."""
    model = {"label": np.array(["a", "b", "c", "a"], object), "probabilities": THREE}
    graph = {**model, "label": np.array(["a", "b", "c", label], object)}
    with pytest.raises(ParityError, match=r"1 of 4 labels changed(.|\n)*Worst is row 3"):
        parity.compare(graph, model)


def test_tie_that_is_wider_than_rounding_is_none() -> None:
    """Being within the tolerance is not enough: the model must find both equally probable."""
    chances = THREE.copy()
    chances[3] = [0.40001, 0.39999, 0.2]
    model = {"label": np.array(["a", "b", "c", "a"], object), "probabilities": chances}
    graph = {**model, "label": np.array(["a", "b", "c", "b"], object)}
    with pytest.raises(ParityError, match="1 of 4 labels changed"):
        parity.compare(graph, model)


def test_tie_between_all_labels() -> None:
    """Where every label is equally probable, none of them needs to be known from other rows."""
    half = np.full((2, 2), 0.5)
    model = {"label": np.array([0, 0]), "probabilities": half}
    assert parity.compare({"label": np.array([1, 0]), "probabilities": half}, model).ties == 1


def test_vector_is_judged_by_its_worst_step() -> None:
    """Every step of a vector counts."""
    model = {"values": np.zeros((2, 3))}
    graph = {"values": np.array([[0, 0, 0], [0, 0, 1.0]])}
    with pytest.raises(ParityError, match="Worst is row 1"):
        parity.compare(graph, model)


def test_not_a_number() -> None:
    """NaN agrees with NaN and with nothing else; infinities agree with themselves."""
    odd = {"value": np.array([np.nan, np.inf, 1.0])}
    assert parity.compare(odd, odd).largest_difference == 0
    with pytest.raises(ParityError, match="largest difference inf"):
        parity.compare({"value": np.array([0.0, np.inf, 1.0])}, odd)


def test_answers_of_another_shape() -> None:
    """A graph that answers more numbers than the model is refused by shape."""
    with pytest.raises(ParityError, match=r"the graph answers \(2, 3\), the model \(2, 2\)"):
        parity.compare({"values": np.zeros((2, 3))}, {"values": np.zeros((2, 2))})


def test_graph_that_does_not_run(double: onnx.ModelProto) -> None:
    """What ONNX Runtime refuses is reported as a conversion that failed."""
    with pytest.raises(ConversionError, match="ONNX Runtime cannot run the graph"):
        parity.answers(double, {"y": np.zeros(1, np.float32)})


def test_graph_that_does_not_load(double: onnx.ModelProto) -> None:
    """No error of ONNX Runtime's own comes out of loading either."""
    double.graph.node[0].op_type = "Unheard"
    with pytest.raises(ConversionError, match="ONNX Runtime cannot run the graph"):
        parity.runner(double, threads=1)
