"""Comparing a graph's answers with the model's."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

from interlock.errors import ConversionError, ParityError
from interlock.package import parity
from interlock.package.graph import Draft
from interlock.package.manifest import Parity
from interlock.signature.schema import Number, Signature, Value


@pytest.fixture
def double() -> onnx.ModelProto:
    """A graph that answers twice its input."""
    draft = Draft()
    signature = Signature(inputs=(Number(name="x"),), output=Value())
    return draft.finish(signature, {"value": draft.add("Add", "x", "x")})


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
    chances = np.array([[0.5, 0.5], [0.5, 0.5], [0.2, 0.8]])
    model = {"label": np.array([0, 1, 1]), "probabilities": chances}
    shifted = chances + np.array([[0], [0], [1e-5]])
    graph = {"label": np.array([0, 0, 1]), "probabilities": shifted}
    with pytest.raises(ParityError, match=r"1 of 3 labels changed(.|\n)*Worst is row 1"):
        parity.compare(graph, model)


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
