"""Convolutions of signals, written as convolutions of images."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import NodeProto, TensorProto, helper, numpy_helper
from onnx.helper import make_node

from interlock.package import graph as graphs
from interlock.package import parity
from interlock.package.builder import build
from interlock.package.convert import convert
from interlock.package.optimise import optimise
from interlock.signature.schema import Signature, Tensor, Vector

CHANNELS = 16
LENGTH = 24
WAVES = np.random.default_rng(3).normal(size=(5, CHANNELS, LENGTH)).astype(np.float32)


class Network:
    """A chain of operators with random weights, from ``x`` [rows, 16, 24]; `last` is its end."""

    def __init__(self, seed: int = 0) -> None:
        self.random = np.random.default_rng(seed)
        self.nodes: list[NodeProto] = []
        self.constants: list[TensorProto] = []
        self.last = "x"

    def constant(self, *shape: int, low: float = -0.2, high: float = 0.2) -> str:
        values = self.random.uniform(low, high, shape).astype(np.float32)
        self.constants.append(numpy_helper.from_array(values, f"w{len(self.constants)}"))
        return self.constants[-1].name

    def add(self, operator: str, *more: str, **attributes: Any) -> str:
        """Append `operator` of the last tensor and `more`."""
        inputs, self.last = [self.last, *more], f"t{len(self.nodes)}"
        self.nodes.append(make_node(operator, inputs, [self.last], **attributes))
        return self.last

    def conv(self, width: int = 3, *, group: int = 1, **attributes: Any) -> str:
        weight = self.constant(CHANNELS, CHANNELS // group, width)
        return self.add("Conv", weight, self.constant(CHANNELS), group=group, **attributes)

    def norm(self) -> str:
        statistics = [self.constant(CHANNELS, low=-1, high=1) for _ in range(3)]
        return self.add("BatchNormalization", *statistics, self.constant(CHANNELS, low=0.5, high=2))

    def model(
        self,
        *outputs: str,
        axes: int = 3,
        inputs: Sequence[onnx.ValueInfoProto] = (),
        opset: int = 18,
    ) -> onnx.ModelProto:
        """The graph; answers are the last tensor, or `outputs`, of so many axes."""
        waves = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["rows", CHANNELS, LENGTH])
        answers = [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, [None] * axes)
            for name in outputs or (self.last,)
        ]
        graph = helper.make_graph(self.nodes, "cnn", [waves, *inputs], answers, self.constants)
        opsets = [helper.make_opsetid("", opset)]
        return graphs.checked(helper.make_model(graph, opset_imports=opsets, ir_version=8))


def operators(model: onnx.ModelProto) -> list[str]:
    return [node.op_type for node in model.graph.node]


def lifted(model: onnx.ModelProto, feed: dict[str, Any] | None = None) -> onnx.ModelProto:
    """`model` optimised; fails when it answers otherwise, or is as before."""
    better = optimise(model)
    assert better is not model
    feed = feed or {"x": WAVES}
    before, after = parity.answers(model, feed), parity.answers(better, feed)
    assert list(before) == list(after)
    for name, expected in before.items():
        assert after[name].shape == expected.shape
        largest = max(1, np.abs(expected).max())
        np.testing.assert_allclose(after[name] / largest, expected / largest, atol=1e-5)
    return better


def stays(model: onnx.ModelProto) -> None:
    """Fails unless `optimise` leaves `model` as it is, byte by byte."""
    before = model.SerializeToString(deterministic=True)
    assert optimise(model) is model
    assert model.SerializeToString(deterministic=True) == before


def residual(net: Network) -> str:
    """Two convolutions around which their input goes as well."""
    start = net.last
    net.conv(pads=[1, 1])
    net.add("Tanh")
    net.conv(pads=[1, 1])
    return net.add("Add", start)


BLOCKS: dict[str, Any] = {
    "residual": residual,
    "conv": lambda net: net.conv(pads=[1, 1]),
    "wide": lambda net: net.conv(5, dilations=[2], pads=[6, 2]),
    "grouped": lambda net: net.conv(group=2, auto_pad="SAME_UPPER"),
    "step": lambda net: net.conv(1, kernel_shape=[1]),
    "norm": Network.norm,
    "relu": lambda net: net.add("Relu"),
    "clip": lambda net: net.add("Clip", net.constant(low=-1)),
    "pool": lambda net: net.add("MaxPool", kernel_shape=[3], pads=[1, 1]),
    "mean": lambda net: net.add("AveragePool", kernel_shape=[3], pads=[1, 1], strides=[1]),
    "softmax": lambda net: net.add("Softmax", axis=1),
    "twice": lambda net: net.add("Add", net.last),
    "start": lambda net: net.add("Mul", "x"),
}


@given(
    blocks=st.lists(st.sampled_from(sorted(BLOCKS)), max_size=8),
    middle=st.integers(0, 8),
    seed=st.integers(0, 99),
)
def test_any_network_answers_as_before(blocks: list[str], middle: int, seed: int) -> None:
    """Whatever the order of blocks, and whichever tensor in between is an output too."""
    net = Network(seed)
    net.conv(pads=[1, 1])
    for block in blocks:
        BLOCKS[block](net)
    tensors = [item.output[0] for item in net.nodes]
    lifted(net.model(*{net.last, tensors[middle % len(tensors)]}))


def test_a_stretch_is_entered_and_left_once() -> None:
    """Between the first and the last operator nothing goes back to one axis."""
    net = Network()
    net.conv(pads=[1, 1])
    net.add("Relu")
    net.add("MaxPool", kernel_shape=[2], strides=[2])
    net.conv()
    names = ["Unsqueeze", "Conv", "Relu", "MaxPool", "Conv", "Squeeze"]
    assert operators(lifted(net.model())) == names


@pytest.mark.parametrize(
    ("operator", "attributes"),
    [
        ("AveragePool", {"kernel_shape": [3], "pads": [1, 1], "count_include_pad": 1}),
        ("AveragePool", {"kernel_shape": [5], "strides": [3], "ceil_mode": 1}),
        ("AveragePool", {"kernel_shape": [5], "auto_pad": "SAME_LOWER"}),
        ("GlobalAveragePool", {}),
        ("GlobalMaxPool", {}),
        ("MaxPool", {"kernel_shape": [2], "strides": [2], "dilations": [3]}),
        ("MaxPool", {"kernel_shape": [5], "strides": [3], "pads": [2, 0], "ceil_mode": 1}),
        ("Elu", {"alpha": 0.5}),
        ("HardSigmoid", {"alpha": 0.3}),
        ("LeakyRelu", {"alpha": 0.2}),
        ("Relu", {}),
        ("Sigmoid", {}),
        ("Softplus", {}),
        ("Tanh", {}),
    ],
)
def test_operators_join_a_stretch(operator: str, attributes: dict[str, Any]) -> None:
    """Pools and functions of single numbers stay within it, with all their settings."""
    net = Network()
    net.conv(strides=[1])
    net.add(operator, **attributes)
    names = ["Unsqueeze", "Conv", operator, "Squeeze"]
    assert operators(lifted(net.model())) == names


@pytest.mark.parametrize("block", ["norm", "clip"])
def test_operators_with_more_inputs_join_a_stretch(block: str) -> None:
    """Statistics and bounds are read as they are: they have no axis of height."""
    net = Network()
    net.conv()
    BLOCKS[block](net)
    names = operators(lifted(net.model()))
    assert (names[0], len(names), names[-1]) == ("Unsqueeze", 4, "Squeeze")
    assert names[2] == net.nodes[-1].op_type


@pytest.mark.parametrize(
    "attributes",
    [
        {"strides": [2], "pads": [2, 0]},
        {"dilations": [3], "auto_pad": "VALID"},
        {"auto_pad": "SAME_UPPER", "strides": [2], "kernel_shape": [3]},
        {"group": 2},
        {"group": 4, "auto_pad": "SAME_LOWER"},
    ],
)
def test_convolutions_keep_their_settings(attributes: dict[str, Any]) -> None:
    """Strides, pads on either side, dilation and groups work along the old axis."""
    net = Network()
    net.conv(**attributes)
    (conv,) = [node for node in lifted(net.model()).graph.node if node.op_type == "Conv"]
    assert {attribute.name for attribute in conv.attribute} == {"group", *attributes}


def test_a_residual_stays_within_its_stretch() -> None:
    """A sum of two tensors of the stretch needs no way out of it."""
    net = Network()
    net.conv()
    residual(net)
    names = ["Unsqueeze", "Conv", "Conv", "Tanh", "Conv", "Add", "Squeeze"]
    assert operators(lifted(net.model())) == names


def test_a_sum_with_another_signal_takes_it_along() -> None:
    """The other side of a sum may have length 1, as a gate for each channel has."""
    net = Network()
    gate = net.add("ReduceMean", axes=[2], keepdims=1)
    net.last = "x"
    net.conv()
    net.add("Mul", gate)
    names = ["ReduceMean", "Unsqueeze", "Conv", "Unsqueeze", "Mul", "Squeeze"]
    assert operators(lifted(net.model(opset=17))) == names


def test_a_sum_with_what_is_no_signal_ends_the_stretch() -> None:
    """A row of numbers is added to the signal, where its one axis is still the last."""
    net = Network()
    net.conv(pads=[1, 1])
    net.add("Add", net.constant(LENGTH))
    assert operators(lifted(net.model())) == ["Unsqueeze", "Conv", "Squeeze", "Add"]


def test_two_readers_share_a_tensor() -> None:
    """One in two axes, others not: the signal is written once, for all of the others."""
    net = Network()
    start = net.conv()
    outputs = [net.conv()]
    for axis in (1, 2):
        net.last = start
        outputs.append(net.add("Softmax", axis=axis))
    counted = Counter(operators(lifted(net.model(*outputs, start))))
    assert counted == {"Unsqueeze": 1, "Conv": 2, "Squeeze": 2, "Softmax": 2}


def test_branches_read_the_signal() -> None:
    """A tensor that only a graph inside a node reads is there for it, in its old shape."""
    net = Network()
    start = net.conv()
    branches = {
        name: helper.make_graph(
            [make_node(operator, [start], [name])],
            name,
            [],
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, [None] * 3)],
        )
        for name, operator in [("yes", "Softmax"), ("no", "Neg")]
    }
    net.nodes.append(
        make_node("If", ["c"], ["y"], then_branch=branches["yes"], else_branch=branches["no"])
    )
    flag = helper.make_tensor_value_info("c", TensorProto.BOOL, [])
    model = net.model("y", inputs=[flag])
    better = lifted(model, {"x": WAVES, "c": np.array(True)})
    assert operators(better) == ["Unsqueeze", "Conv", "Squeeze", "If"]


def test_places_of_maxima_are_left_alone() -> None:
    """A pool with a second output is not rewritten."""
    net = Network()
    net.conv()
    net.add("MaxPool", kernel_shape=[2])
    net.nodes[-1].output.append("places")
    net.add("Relu")
    assert operators(lifted(net.model())) == ["Unsqueeze", "Conv", "Squeeze", "MaxPool", "Relu"]


def test_names_in_use_are_not_taken() -> None:
    """New tensors get names that no tensor had, in branches neither; nodes keep theirs."""
    net = Network()
    net.conv()
    net.add("Relu", name="squash")
    for old, new in [("t0", "x/image"), ("t1", "height")]:
        for item in net.nodes:
            item.input[:] = [new if name == old else name for name in item.input]
            item.output[:] = [new if name == old else name for name in item.output]
    better = lifted(net.model("height"))
    names = [name for item in better.graph.node for name in item.output]
    names += [tensor.name for tensor in better.graph.initializer]
    assert len(set(names)) == len(names)
    assert [item.name for item in better.graph.node if item.name] == ["squash"]


def test_hints_of_shapes_stay_true() -> None:
    """Shapes noted for tensors that have another now, or are gone, are noted no longer."""
    net = Network()
    start = net.conv()
    net.add("Relu")
    net.add("Softmax")
    noted = onnx.shape_inference.infer_shapes(net.model())
    noted.graph.value_info.append(
        helper.make_tensor_value_info("w0", TensorProto.FLOAT, [CHANNELS, CHANNELS, 3])
    )
    assert start in {info.name for info in noted.graph.value_info}
    assert [info.name for info in lifted(noted).graph.value_info] == ["t1"]


def test_the_model_given_is_not_changed() -> None:
    """The result is another model."""
    net = Network()
    net.conv()
    model = net.model()
    before = model.SerializeToString(deterministic=True)
    lifted(model)
    assert model.SerializeToString(deterministic=True) == before


def test_without_convolutions_nothing_changes() -> None:
    """Pools and functions alone are not worth it."""
    net = Network()
    net.add("MaxPool", kernel_shape=[2])
    net.add("Relu")
    stays(net.model())


@pytest.mark.parametrize(
    ("made", "taken", "gains"),
    [
        *[(14, 15, True), (16, 16, True), (60, 16, True), (64, 1, True), (64, 40, True)],
        *[(12, 8, False), (16, 20, False), (20, 16, False), (40, 40, False)],
    ],
)
def test_channels_must_fill_blocks(made: int, taken: int, gains: bool) -> None:
    """A convolution that would mostly compute padding stays as it is."""
    net = Network()
    net.conv(1)
    net.add("Conv", net.constant(taken, CHANNELS, 1), name="narrow")
    net.add("Softmax")
    net.add("Conv", net.constant(made, taken, 3), name="judged")
    (judged,) = [item for item in lifted(net.model()).graph.node if item.name == "judged"]
    assert judged.input[0].endswith("/image") is gains


def test_images_stay_as_they_are() -> None:
    """Convolutions along two axes need no help."""
    net = Network()
    net.constants.append(numpy_helper.from_array(np.array([2]), "axis"))
    net.add("Unsqueeze", "axis")
    net.add("Conv", net.constant(CHANNELS, CHANNELS, 1, 3))
    stays(net.model(axes=4))


def test_old_operators_stay_as_they_are() -> None:
    """Before opset 13, axes were written another way."""
    net = Network()
    net.conv()
    stays(net.model(opset=12))


def test_a_computed_kernel_stays_as_it_is() -> None:
    """Only stored weights are reshaped."""
    net = Network()
    net.last = net.constant(CHANNELS, CHANNELS, 3)
    kernel = net.add("Neg")
    net.last = "x"
    net.add("Conv", kernel)
    stays(net.model())


def test_a_kernel_that_callers_know_stays_as_it_is() -> None:
    """A weight that is an input or an output too keeps its shape; one between need not."""
    net = Network()
    for _ in range(3):
        net.conv(pads=[1, 1])
    kernel = helper.make_tensor_value_info("w0", TensorProto.FLOAT, [CHANNELS, CHANNELS, 3])
    better = lifted(net.model(net.last, "w4", inputs=[kernel]))
    assert operators(better) == ["Conv", "Unsqueeze", "Conv", "Squeeze", "Conv"]


def test_a_kernel_with_another_reader_stays_as_it_is() -> None:
    """One convolution is left alone for the sake of the other reader; the rest is not."""
    net = Network()
    net.conv()
    net.conv()
    end = net.last
    net.last = "w0"
    model = net.model(end, net.add("Neg"))
    kernels = [t for t in lifted(model).graph.initializer if t.name in ("w0", "w2")]
    assert [list(tensor.dims) for tensor in kernels] == [[16, 16, 3], [16, 16, 1, 3]]


def test_a_kernel_shared_by_convolutions_is_reshaped_once() -> None:
    """Two convolutions may have one weight."""
    net = Network()
    net.conv()
    net.add("Conv", "w0")
    assert operators(lifted(net.model())) == ["Unsqueeze", "Conv", "Conv", "Squeeze"]


def test_a_signal_of_unknown_shape_stays_as_it_is() -> None:
    """What a run-time shape makes of a tensor cannot be known."""
    net = Network()
    net.add("Reshape", "shape")
    net.conv()
    shape = helper.make_tensor_value_info("shape", TensorProto.INT64, ["axes"])
    stays(net.model(inputs=[shape]))


def test_what_the_checker_refuses_is_not_used() -> None:
    """A result that cannot be right leaves the model alone: here a declared answer is wrong."""
    net = Network()
    net.conv()
    model = net.model()
    answer = helper.make_tensor_value_info("t0", TensorProto.FLOAT, ["rows", CHANNELS, 3])
    model.graph.output[0].CopyFrom(answer)
    stays(model)


def trained(seed: int) -> onnx.ModelProto:
    """A small network of one recipe: the mean of a convolution over time."""
    net = Network(seed)
    net.conv()
    net.add("Relu")
    net.add("ReduceMean", axes=[2], keepdims=0)
    return net.model(axes=2, opset=17)


SIGNATURE = Signature(
    inputs=(Tensor(name="x", shape=(CHANNELS, LENGTH)),),
    output=Vector(steps=tuple("abcdefghijklmnop")),
)


def test_a_package_holds_the_optimised_graph(tmp_path: Path) -> None:
    """It is the one that parity was proven on, that golden answers come from, and that is kept."""
    model = trained(0)
    package = build(model, name="wave", sample=WAVES, signature=SIGNATURE, out=tmp_path / "one")
    kept = onnx.load(package.graph_path)
    kernels = [list(t.dims) for t in kept.graph.initializer if len(t.dims) > 2]
    assert kernels == [[CHANNELS, CHANNELS, 1, 3]]
    expected = {"values": parity.answers(model, {"x": WAVES})["t2"]}
    # Not zero where the processor has blocked kernels: they add in another order.
    proof = parity.compare(parity.answers(kept, {"x": WAVES}), expected)
    assert package.manifest.parity == proof


def test_the_recipe_is_the_graph_before_it_was_optimised(tmp_path: Path) -> None:
    """So packages built before and after an improvement of the optimiser are of one recipe."""
    first = build(
        trained(0), name="wave", sample=WAVES, signature=SIGNATURE, out=tmp_path / "first"
    )
    plain = convert(trained(0), SIGNATURE, sample=WAVES).graph
    assert first.manifest.architecture == graphs.architecture(plain)
    second = build(
        trained(1),
        name="wave",
        sample=WAVES,
        signature=SIGNATURE,
        previous=first.path,
        out=tmp_path / "second",
    )
    assert second.manifest.version == "1.0.1"
