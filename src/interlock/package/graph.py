"""Writing ONNX graphs: drafts that embed other graphs, checks, and digests of structure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, inliner, numpy_helper

from interlock.errors import ConversionError
from interlock.signature.schema import (
    Classes,
    Input,
    Output,
    Signature,
    Tensor,
    Value,
    Vector,
    dtype,
)

OPSET = 15
"""ai.onnx opset that converters are asked for: the newest that all of them can write."""
ML_OPSET = 3
IR_VERSIONS = (8, 10)
"""Oldest and newest file format written: what opset 15 needs, and what ONNX Runtime 1.22 reads."""
DOMAINS = {"": "ai.onnx", "ai.onnx": "ai.onnx", "ai.onnx.ml": "ai.onnx.ml"}
BATCH = "rows"

ELEMENTS = {
    "float32": TensorProto.FLOAT,
    "float64": TensorProto.DOUBLE,
    "int64": TensorProto.INT64,
    "int32": TensorProto.INT32,
    "bool": TensorProto.BOOL,
    "str": TensorProto.STRING,
}

# Lists longer than any geometry (kernel, pads, permutation) are learned: vocabularies, weights.
_LONGEST_GEOMETRY = 16


class Draft:
    """A graph being written from its inputs to its outputs.

    Every method that adds something returns the name of the tensor it makes. `opset` is the least
    that the finished graph declares; a graph embedded in it may ask for more.

    Examples
    --------
    >>> from interlock.signature.schema import Number
    >>> signature = Signature(inputs=(Number(name="x"),), output=Value())
    >>> draft = Draft()
    >>> graph = draft.finish(signature, {"value": draft.add("Neg", "x")})
    >>> [node.op_type for node in graph.graph.node]
    ['Neg', 'Identity']
    """

    def __init__(self, opset: int = 0) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []
        self._sparse: list[onnx.SparseTensorProto] = []
        self._opsets = {"": opset, "ai.onnx.ml": 1}
        self._count = 0

    def add(self, operator: str, *inputs: str, domain: str = "", **attributes: Any) -> str:
        """Append a node with one output."""
        name = self._name(operator)
        self._nodes.append(
            helper.make_node(operator, list(inputs), [name], domain=domain, **attributes)
        )
        return name

    def constant(self, values: np.ndarray[Any, Any]) -> str:
        """Store a constant tensor; an object array is one of strings."""
        name = self._name("constant")
        self._constants.append(numpy_helper.from_array(values, name))
        return name

    def cast(self, tensor: str, element: str) -> str:
        """`tensor` as another type, named as in `ELEMENTS`."""
        return self.add("Cast", tensor, to=ELEMENTS[element])

    def reshape(self, tensor: str, *shape: int) -> str:
        """`tensor` in another shape; -1 is what remains."""
        return self.add("Reshape", tensor, self.constant(np.array(shape, np.int64)))

    def embed(self, model: onnx.ModelProto, inputs: Mapping[str, str]) -> dict[str, str]:
        """Put another graph inside; its `inputs` come from tensors of this draft.

        Returns the tensor for each of its outputs.
        """
        check_domains(model)
        self._count += 1
        prefix = f"part{self._count}/"
        graph = _prefixed(_inlined(model).graph, prefix)
        for name, tensor in inputs.items():
            self._nodes.append(helper.make_node("Identity", [tensor], [prefix + name]))
        self._nodes.extend(graph.node)
        self._constants.extend(graph.initializer)
        self._sparse.extend(graph.sparse_initializer)
        for opset in model.opset_import:
            domain = "" if opset.domain == "ai.onnx" else opset.domain
            self._opsets[domain] = max(self._opsets[domain], opset.version)
        return {output.name.removeprefix(prefix): output.name for output in graph.output}

    def finish(self, signature: Signature, outputs: Mapping[str, str]) -> onnx.ModelProto:
        """The whole model; `outputs` maps the signature's output names to tensors.

        Raises
        ------
        ConversionError
            When the ONNX checker finds the result invalid.
        """
        for name, tensor in outputs.items():
            self._nodes.append(helper.make_node("Identity", [tensor], [name]))
        graph = helper.make_graph(
            self._nodes,
            "interlock",
            [_value_info(field) for field in signature.inputs],
            output_infos(signature.output),
            self._constants,
            sparse_initializer=self._sparse,
        )
        opsets = {**self._opsets, "": self._opsets[""] or OPSET}
        model = helper.make_model(
            graph,
            producer_name="interlock",
            opset_imports=[helper.make_opsetid(*opset) for opset in opsets.items()],
        )
        return checked(_modern(model))

    def _name(self, what: str) -> str:
        self._count += 1
        return f"{what.lower()}{self._count}"


def output_infos(output: Output) -> list[onnx.ValueInfoProto]:
    """Types and shapes of the graph's outputs, as the signature's contract says."""
    match output:
        case Classes(labels=labels):
            element = TensorProto.STRING if isinstance(labels[0], str) else TensorProto.INT64
            return [
                helper.make_tensor_value_info("label", element, [BATCH]),
                helper.make_tensor_value_info(
                    "probabilities", TensorProto.FLOAT, [BATCH, len(labels)]
                ),
            ]
        case Value():
            return [helper.make_tensor_value_info("value", TensorProto.FLOAT, [BATCH])]
        case Vector(steps=steps):
            return [helper.make_tensor_value_info("values", TensorProto.FLOAT, [BATCH, len(steps)])]


def checked(model: onnx.ModelProto) -> onnx.ModelProto:
    """`model` as it is; raises ConversionError when the ONNX checker refuses it."""
    try:
        onnx.checker.check_model(model)
    except onnx.checker.ValidationError as error:
        raise ConversionError(f"not a valid ONNX graph: {error}") from error
    return model


def check_domains(model: onnx.ModelProto) -> None:
    """Raise ConversionError when `model` uses operators beyond ai.onnx and ai.onnx.ml."""
    own = {function.domain for function in model.functions}
    graphs = [model.graph, *model.functions]
    for node in (node for graph in graphs for node in every_node(graph)):
        if node.domain not in DOMAINS and node.domain not in own:
            raise ConversionError(
                f"operator {node.domain}.{node.op_type} is not standard ONNX; export the model "
                "with operators of ai.onnx and ai.onnx.ml only"
            )


def every_node(graph: onnx.GraphProto | onnx.FunctionProto) -> Iterator[onnx.NodeProto]:
    """Each node of `graph` and of the graphs inside its nodes (branches and loop bodies)."""
    for node in graph.node:
        yield node
        for inner in _bodies(node):
            yield from every_node(inner)


def _bodies(node: onnx.NodeProto) -> Iterator[onnx.GraphProto]:
    """Graphs inside `node`."""
    for attribute in node.attribute:
        if attribute.HasField("g"):
            yield attribute.g
        yield from attribute.graphs


def architecture(model: onnx.ModelProto) -> str:
    """``sha256:…`` of a graph's structure: operators, wiring, settings and weight shapes.

    Weights are left out, and so is all else that is learned: trees, vocabularies, categories. The
    same recipe trained on new data keeps its digest; another kind or size of network does not.
    """
    structure = [_structure(model.graph), sorted(map(_opset, model.opset_import))]
    return digest(structure)


def digest(document: Any) -> str:
    """``sha256:…`` of a JSON document in canonical form."""
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), default=str)
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def _structure(graph: onnx.GraphProto) -> list[Any]:
    """Graph as nested lists; tensors are numbered as they appear, so names do not matter."""
    numbers: dict[str, int] = {"": -1}
    tensors = [[t.data_type, list(t.dims)] for t in graph.initializer]
    inputs = [value.type.SerializeToString(deterministic=True).hex() for value in graph.input]
    for name in [*(t.name for t in graph.initializer), *(value.name for value in graph.input)]:
        numbers.setdefault(name, len(numbers))
    nodes = []
    for node in graph.node:
        wires = [numbers.setdefault(name, len(numbers)) for name in [*node.input, *node.output]]
        nodes.append([node.domain, node.op_type, wires, _settings(node)])
    return [inputs, tensors, nodes]


def _settings(node: onnx.NodeProto) -> dict[str, Any]:
    settings = {}
    for attribute in sorted(node.attribute, key=lambda attribute: attribute.name):
        if attribute.type == onnx.AttributeProto.GRAPH:
            settings[attribute.name] = _structure(attribute.g)
        elif not _learned(node, attribute):
            settings[attribute.name] = helper.get_attribute_value(attribute)
    return settings


def _learned(node: onnx.NodeProto, attribute: onnx.AttributeProto) -> bool:
    kinds = onnx.AttributeProto
    if attribute.type in (kinds.TENSOR, kinds.SPARSE_TENSOR, kinds.FLOATS, kinds.STRINGS):
        return True
    if attribute.type != kinds.INTS:
        return False
    return node.domain == "ai.onnx.ml" or len(attribute.ints) > _LONGEST_GEOMETRY


def _opset(opset: onnx.OperatorSetIdProto) -> tuple[str, int]:
    return opset.domain, opset.version


def _value_info(field: Input) -> onnx.ValueInfoProto:
    shape = field.shape if isinstance(field, Tensor) else ()
    return helper.make_tensor_value_info(field.name, ELEMENTS[dtype(field)], [BATCH, *shape])


def _inlined(model: onnx.ModelProto) -> onnx.ModelProto:
    if not model.functions:
        return model
    return inliner.inline_local_functions(model)


def _prefixed(graph: onnx.GraphProto, prefix: str) -> onnx.GraphProto:
    """A copy of `graph` with `prefix` before every name in it.

    One rule for every name at every depth: a branch that reads a tensor of the graph around it
    still finds it, and one that has a tensor of its own by the same name still finds its own.
    """
    renamed = onnx.GraphProto()
    renamed.CopyFrom(graph)
    _rename(renamed, prefix)
    return renamed


def _rename(graph: onnx.GraphProto, prefix: str) -> None:
    for named in [*graph.input, *graph.output, *graph.value_info, *graph.initializer]:
        named.name = prefix + named.name
    for sparse in graph.sparse_initializer:
        sparse.values.name = prefix + sparse.values.name
    for node in graph.node:
        node.name = node.name and prefix + node.name
        # An empty name stands for an optional tensor that is left out.
        node.input[:] = [name and prefix + name for name in node.input]
        node.output[:] = [name and prefix + name for name in node.output]
        for body in _bodies(node):
            _rename(body, prefix)


def _modern(model: onnx.ModelProto) -> onnx.ModelProto:
    """`model` in the oldest file format that holds it, within `IR_VERSIONS`."""
    oldest, newest = IR_VERSIONS
    needed = helper.find_min_ir_version_for(model.opset_import)
    model.ir_version = min(max(needed, oldest), newest)
    return model
