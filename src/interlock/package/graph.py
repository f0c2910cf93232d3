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
    output_names,
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
    """A graph being written from its inputs to its outputs, which are called as `signature` says.

    Every method that adds something returns the name of the tensor it makes: never one that the
    signature has. `opset` is the least that the finished graph declares; a graph embedded in it may
    ask for more.

    Raises
    ------
    ConversionError
        When an input has the name of an output: a graph has each name once.

    Examples
    --------
    >>> from interlock.signature.schema import Number
    >>> draft = Draft(Signature(inputs=(Number(name="x"),), output=Value()))
    >>> graph = draft.finish({"value": draft.add("Neg", "x")})
    >>> [node.op_type for node in graph.graph.node]
    ['Neg', 'Identity']
    """

    def __init__(self, signature: Signature, opset: int = 0) -> None:
        inputs, outputs = {field.name for field in signature.inputs}, output_names(signature.output)
        if both := inputs.intersection(outputs):
            raise ConversionError(
                f"{' and '.join(sorted(both))} cannot be the name of an input, as the graph has an "
                "output called so: rename it, or leave it out of the sample if it is the answer"
            )
        self._signature = signature
        self._taken = inputs.union(outputs)
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
        model = standard(model)
        prefix = self._prefix()
        graph = _prefixed(model.graph, prefix)
        for name, tensor in inputs.items():
            self._nodes.append(helper.make_node("Identity", [tensor], [prefix + name]))
        self._nodes.extend(graph.node)
        self._constants.extend(graph.initializer)
        self._sparse.extend(graph.sparse_initializer)
        for opset in model.opset_import:
            domain = "" if opset.domain == "ai.onnx" else opset.domain
            self._opsets[domain] = max(self._opsets[domain], opset.version)
        return {output.name.removeprefix(prefix): output.name for output in graph.output}

    def finish(self, outputs: Mapping[str, str]) -> onnx.ModelProto:
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
            [_value_info(field) for field in self._signature.inputs],
            output_infos(self._signature.output),
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
        name = f"{what.lower()}{self._count}"
        return self._name(what) if name in self._taken else name

    def _prefix(self) -> str:
        prefix = self._name("part") + "/"
        return self._prefix() if any(name.startswith(prefix) for name in self._taken) else prefix


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


def standard(model: onnx.ModelProto) -> onnx.ModelProto:
    """`model` with its own functions written out, and nothing imported but ai.onnx and ai.onnx.ml.

    Exporters declare what they might have used. Only what a node does use counts.

    Raises
    ------
    ConversionError
        When an operator is of another domain.
    """
    plain = _inlined(model)
    for node in every_node(plain.graph):
        if node.domain not in DOMAINS:
            raise ConversionError(
                f"operator {node.domain}.{node.op_type} is not standard ONNX; export the model "
                "with operators of ai.onnx and ai.onnx.ml only"
            )
    imported = [opset for opset in plain.opset_import if opset.domain in DOMAINS]
    del plain.opset_import[:]
    plain.opset_import.extend(imported)
    return plain


def every_node(graph: onnx.GraphProto) -> Iterator[onnx.NodeProto]:
    """Each node of `graph` and of the graphs inside its nodes (branches and loop bodies)."""
    for node in graph.node:
        yield node
        for inner in bodies(node):
            yield from every_node(inner)


def bodies(node: onnx.NodeProto) -> Iterator[onnx.GraphProto]:
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
    """A copy of `model` with its own functions written out where they are called."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    versions = {opset.domain: opset.version for opset in model.opset_import}
    # The checker allows a function another version of a domain where its operators are the same in
    # both; the inliner would leave such a function alone.
    for function in copy.functions:
        for opset in function.opset_import:
            opset.version = versions.get(opset.domain, opset.version)
    return inliner.inline_local_functions(copy) if copy.functions else copy


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
        for body in bodies(node):
            _rename(body, prefix)


def _modern(model: onnx.ModelProto) -> onnx.ModelProto:
    """`model` in the oldest file format that holds it, within `IR_VERSIONS`."""
    oldest, newest = IR_VERSIONS
    needed = helper.find_min_ir_version_for(model.opset_import)
    model.ir_version = min(max(needed, oldest), newest)
    return model
