"""Faster graphs with the same answers: convolutions along one axis, written along two.

ONNX Runtime keeps its fast blocked kernels for processors to images, tensors ``[N, C, H, L]``. A
signal ``[N, C, L]`` is an image of height 1, and a convolution of it the same sum.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np
import onnx
from onnx import helper, numpy_helper, shape_inference

from interlock.package.graph import bodies, every_node

OLDEST_OPSET = 13
"""Since this opset of ai.onnx, Unsqueeze and Squeeze take their axes as an input."""

_SIGNAL = 3
_HEIGHT = 2
# ONNX Runtime's blocks are of 8 or 16 channels, by processor. What does not fill them is computed
# in vain: on 16, a kernel [20, 20, 5] was half as slow again as without, [40, 64, 5] as fast.
_BLOCK = 16
_MOST_WASTE = 1.25
_DOMAINS = ("", "ai.onnx")
_FOLLOWERS = frozenset(
    (
        *("AveragePool", "BatchNormalization", "GlobalAveragePool", "GlobalMaxPool", "MaxPool"),
        *("Add", "Clip", "Elu", "HardSigmoid", "LeakyRelu", "Mul"),
        *("Relu", "Sigmoid", "Softplus", "Tanh"),
    )
)
"""What goes along with a convolution before it: a height of 1 changes nothing for these."""
_OF_TWO = frozenset(("Add", "Mul"))


def optimise(model: onnx.ModelProto) -> onnx.ModelProto:
    """`model` with the 1-D convolutions that gain by it, and what follows them, along two axes.

    Inputs and outputs stay as they are, and so does every tensor that an operator without such a
    form reads. Where no convolution can be rewritten with certainty, or gains by it, or the ONNX
    checker refuses the result, `model` itself is returned; it is never changed.
    """
    if _opset(model) < OLDEST_OPSET or not any(map(_is_conv, model.graph.node)):
        return model
    ranks = _ranks(model)
    weights = _weights(model.graph, ranks)
    if not weights:
        return model
    lifted = _Lift(model, ranks, weights).result()
    try:
        onnx.checker.check_model(lifted, full_check=True)
    except (onnx.checker.ValidationError, shape_inference.InferenceError):
        return model
    return lifted


class _Lift:
    """One walk over a graph's nodes that writes each again, in two axes where it can.

    A lifted tensor lives under a name of its own. The signal keeps its name, and is made from the
    lifted tensor only when somebody reads it.
    """

    def __init__(self, model: onnx.ModelProto, ranks: dict[str, int], weights: set[str]) -> None:
        self._model = model
        self._ranks = ranks
        self._weights = weights
        self._taken = set(_names(model.graph))
        self._nodes: list[onnx.NodeProto] = []
        self._images: dict[str, str] = {}
        self._unwritten: set[str] = set()
        self._made: set[str] = set()
        self._axis = self._fresh("height")

    def result(self) -> onnx.ModelProto:
        """A copy of the model with its graph rewritten."""
        for node in self._model.graph.node:
            if self._can_lift(node):
                self._lift(node)
            else:
                self._keep(node)
        self._write_signals([output.name for output in self._model.graph.output])
        result = onnx.ModelProto()
        result.CopyFrom(self._model)
        self._replace(result.graph)
        return result

    def _can_lift(self, node: onnx.NodeProto) -> bool:
        if node.domain not in _DOMAINS or len(node.output) != 1:
            return False
        if node.op_type == "Conv":
            return node.input[1] in self._weights
        signals = _signals(node)
        follows = node.op_type in _FOLLOWERS and not self._made.isdisjoint(signals)
        return follows and all(self._ranks.get(name) == _SIGNAL for name in signals)

    def _lift(self, node: onnx.NodeProto) -> None:
        images = [self._image(name) for name in _signals(node)]
        (name,) = node.output
        lifted = onnx.NodeProto()
        lifted.CopyFrom(node)
        lifted.input[: len(images)] = images
        lifted.output[0] = self._images[name] = self._fresh(f"{name}/image")
        for attribute in lifted.attribute:
            _extend(attribute)
        self._nodes.append(lifted)
        self._made.add(name)
        self._unwritten.add(name)

    def _keep(self, node: onnx.NodeProto) -> None:
        self._write_signals(_reads(node))
        self._nodes.append(node)

    def _image(self, name: str) -> str:
        if name not in self._images:
            self._images[name] = self._fresh(f"{name}/image")
            self._nodes.append(
                helper.make_node("Unsqueeze", [name, self._axis], [self._images[name]])
            )
        return self._images[name]

    def _write_signals(self, names: Sequence[str]) -> None:
        for name in names:
            if name in self._unwritten:
                self._unwritten.remove(name)
                self._nodes.append(
                    helper.make_node("Squeeze", [self._images[name], self._axis], [name])
                )

    def _replace(self, graph: onnx.GraphProto) -> None:
        del graph.node[:]
        graph.node.extend(self._nodes)
        for tensor in graph.initializer:
            if tensor.name in self._weights:
                tensor.dims.insert(_HEIGHT, 1)
        graph.initializer.append(numpy_helper.from_array(np.array([_HEIGHT], np.int64), self._axis))
        # Shapes of tensors in between are hints; those of weights and lifted tensors are wrong now.
        stale = self._weights | self._unwritten
        hints = [info for info in graph.value_info if info.name not in stale]
        del graph.value_info[:]
        graph.value_info.extend(hints)

    def _fresh(self, name: str) -> str:
        while name in self._taken:
            name += "_"
        self._taken.add(name)
        return name


def _weights(graph: onnx.GraphProto, ranks: dict[str, int]) -> set[str]:
    """Constants that nothing reads but convolutions of signals, as their kernels."""
    outside = {info.name for info in [*graph.input, *graph.output]}
    constants = {tensor.name for tensor in graph.initializer if _gains(tensor)} - outside
    read = Counter(name for node in graph.node for name in _reads(node))
    kernels = Counter(
        node.input[1]
        for node in graph.node
        if _is_conv(node) and ranks.get(node.input[0]) == _SIGNAL
    )
    return {name for name in constants if 0 < kernels[name] == read[name]}


def _gains(kernel: onnx.TensorProto) -> bool:
    """Whether `kernel` is one of signals ``[M, C, k]`` whose channels fill blocks well."""
    if len(kernel.dims) != _SIGNAL:
        return False
    made, taken = map(int, kernel.dims[:2])
    # Fewer channels than a block are read as they are.
    computed = _whole(made) * (taken if taken < _BLOCK else _whole(taken))
    return computed <= _MOST_WASTE * made * taken


def _whole(channels: int) -> int:
    """The least number of whole blocks that holds `channels`, in channels."""
    return -(-channels // _BLOCK) * _BLOCK


def _ranks(model: onnx.ModelProto) -> dict[str, int]:
    """How many axes each tensor has that this is certain of."""
    graph = shape_inference.infer_shapes(model, data_prop=True).graph
    ranks = {tensor.name: len(tensor.dims) for tensor in graph.initializer}
    for info in [*graph.value_info, *graph.input, *graph.output]:
        if info.type.HasField("tensor_type") and info.type.tensor_type.HasField("shape"):
            ranks[info.name] = len(info.type.tensor_type.shape.dim)
    return ranks


def _signals(node: onnx.NodeProto) -> list[str]:
    """The inputs that must be lifted with the node; others are kernels, statistics or scalars."""
    return list(node.input[: 2 if node.op_type in _OF_TWO else 1])


def _extend(attribute: onnx.AttributeProto) -> None:
    """Say in a node's geometry what happens along the height: nothing."""
    if attribute.name in ("dilations", "kernel_shape", "strides"):
        attribute.ints.insert(0, 1)
    elif attribute.name == "pads":
        attribute.ints[:] = [0, *attribute.ints[:1], 0, *attribute.ints[1:]]


def _reads(node: onnx.NodeProto) -> list[str]:
    """Every tensor that `node` may read, by itself or in the graphs inside it."""
    names = list(node.input)
    for inner in bodies(node):
        names += [output.name for output in inner.output]
        names += [name for nested in inner.node for name in _reads(nested)]
    return names


def _names(graph: onnx.GraphProto) -> Iterator[str]:
    """Names of tensors in use; one inside a loop that no node reads is left to the checker."""
    for node in every_node(graph):
        yield from node.input
        yield from node.output
    for holder in [*graph.input, *graph.output, *graph.initializer]:
        yield holder.name


def _is_conv(node: onnx.NodeProto) -> bool:
    return node.op_type == "Conv" and node.domain in _DOMAINS


def _opset(model: onnx.ModelProto) -> int:
    return max((o.version for o in model.opset_import if o.domain in _DOMAINS), default=0)
