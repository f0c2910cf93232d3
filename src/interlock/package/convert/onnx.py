"""Models that are ONNX already: checked, and their inputs and outputs brought to the contract."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnx
from onnx import external_data_helper, helper

from interlock.errors import ConversionError
from interlock.package import parity
from interlock.package.convert import network, rows
from interlock.package.convert.converted import Activation, Answers, Converted
from interlock.package.graph import Draft, checked, every_node, standard
from interlock.signature.infer import feeds
from interlock.signature.schema import Classes, Field, Input, Output, Signature, Tensor, dtype


class Result(NamedTuple):
    """A model's outputs by what they are; `label` is None where the model has none of its own."""

    numbers: str
    columns: int
    label: str | None
    text: bool


def load(path: Path) -> onnx.ModelProto:
    """Read an ONNX file, with weights that it keeps in files beside it.

    Raises
    ------
    ConversionError
        When it is not ONNX, or its weights lie outside of its directory.
    """
    try:
        model = onnx.load(path, load_external_data=False)
    except Exception as error:  # protobuf's DecodeError has no public home in all its versions
        raise ConversionError(f"{path}: not an ONNX file: {error}") from error
    home = path.resolve().parent
    for tensor in _tensors(model):
        _check_inside(path, home, tensor)
    external_data_helper.load_external_data_for_model(model, str(home))
    return model


def convert(
    model: onnx.ModelProto,
    signature: Signature,
    *,
    sample: Any,
    activation: Activation | None = None,
) -> Converted:
    """The model under the signature's names; see `interlock.package.convert.convert`."""
    model, known = _prepared(model)
    draft = Draft(signature)
    result = _result(model, signature, sample)
    tensors = draft.embed(model, _inputs(draft, model, signature))
    numbers = tensors[result.numbers]
    if result.label is None:
        heads = network.outputs(draft, signature, numbers, result.columns, activation)
    else:
        chances = network.probabilities(draft, signature, numbers, result.columns, activation)
        arrangement = network.own_labels(signature, known, result.text)
        heads = arrangement.outputs(draft, tensors[result.label], chances)
    return Converted(draft.finish(heads), "onnx.ModelProto", None)


def reference(
    model: onnx.ModelProto,
    signature: Signature,
    sample: Any,
    *,
    activation: Activation | None = None,
) -> Answers:
    """The model's own answers; see `interlock.package.convert.reference`."""
    model, known = _prepared(model)
    raw = _run(model, signature, sample)
    result = _roles(raw, signature)
    if result.label is None:
        return network.answers(signature, raw[result.numbers], activation)
    chances = network.chances_of(signature, raw[result.numbers], activation)
    arrangement = network.own_labels(signature, known, result.text)
    return arrangement.answers(raw[result.label].reshape(-1), chances)


def infer_output(model: onnx.ModelProto) -> Output:
    """Classes, where the model names them.

    Raises
    ------
    ConversionError
        When it does not.
    """
    known = _prepared(model)[1]
    if known:
        return Classes(labels=tuple(known))
    raise ConversionError(
        "the ONNX model does not name its classes; give the labels of a classifier, or an output "
        "(Value, Vector)"
    )


def _prepared(model: onnx.ModelProto) -> tuple[onnx.ModelProto, list[Any]]:
    """The model checked, with plain tensors for outputs, and the classes that it names."""
    if any(external_data_helper.uses_external_data(tensor) for tensor in _tensors(model)):
        raise ConversionError("the ONNX model's weights are not loaded; give the path of its file")
    checked(model)
    known = _known_classes(standard(model))
    for info in _graph_inputs(model):
        _check_batch(info)
    return _without_maps(model), known


def _tensors(model: onnx.ModelProto) -> list[onnx.TensorProto]:
    """Every stored tensor: weights, and constants inside nodes."""
    stored = list(model.graph.initializer)
    for node in every_node(model.graph):
        for attribute in node.attribute:
            stored += [attribute.t, *attribute.tensors, *attribute.g.initializer]
    return stored


def _check_inside(path: Path, home: Path, tensor: onnx.TensorProto) -> None:
    if not external_data_helper.uses_external_data(tensor):
        return
    location = external_data_helper.ExternalDataInfo(tensor).location
    target = (home / location).resolve()
    if not target.is_relative_to(home):
        raise ConversionError(
            f"{path}: weights of {tensor.name} are at {location}, outside of the model's directory"
        )
    if not target.is_file():
        raise ConversionError(f"{path}: weights of {tensor.name} are missing: no file {location}")


def _check_batch(info: onnx.ValueInfoProto) -> None:
    shape = info.type.tensor_type.shape.dim
    if not info.type.HasField("tensor_type") or not shape:
        raise ConversionError(f"input {info.name} is not a tensor with an axis of rows")
    if shape[0].HasField("dim_value"):
        raise ConversionError(
            f"input {info.name} takes exactly {shape[0].dim_value} rows; export the model with a "
            "dynamic first axis"
        )


def _without_maps(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model with ZipMap nodes taken off its outputs: tensors instead of lists of dicts."""
    maps = {node.output[0]: node.input[0] for node in model.graph.node if node.op_type == "ZipMap"}
    if not maps:
        return model
    plain = onnx.ModelProto()
    plain.CopyFrom(model)
    del plain.graph.node[:], plain.graph.output[:]
    plain.graph.node.extend(node for node in model.graph.node if node.op_type != "ZipMap")
    for output in model.graph.output:
        name = maps.get(output.name)
        element = onnx.TensorProto.FLOAT
        tensor = helper.make_tensor_value_info(name, element, None) if name else output
        plain.graph.output.append(tensor)
    return plain


def _known_classes(model: onnx.ModelProto) -> list[Any]:
    """Classes that the last operator with class labels names, decoded; empty where none does."""
    for node in reversed(model.graph.node):
        for attribute in node.attribute:
            if not attribute.name.startswith("classlabels_"):
                continue
            if attribute.strings or attribute.ints:
                return [name.decode() for name in attribute.strings] or list(attribute.ints)
    return []


def _graph_inputs(model: onnx.ModelProto) -> list[onnx.ValueInfoProto]:
    stored = {tensor.name for tensor in model.graph.initializer}
    return [info for info in model.graph.input if info.name not in stored]


def _matched(model: onnx.ModelProto, signature: Signature) -> dict[str, Input] | None:
    """Which input of the signature goes to which of the model's; None when all go to its one."""
    wanted = [info.name for info in _graph_inputs(model)]
    fields = {field.name: field for field in signature.inputs}
    if set(wanted) == set(fields):
        return {name: fields[name] for name in wanted}
    if len(wanted) == len(fields):
        return dict(zip(wanted, signature.inputs, strict=True))
    if len(wanted) == 1:
        return None
    raise ConversionError(
        f"the ONNX model has inputs {', '.join(wanted)}; the signature has {', '.join(fields)}"
    )


def _inputs(draft: Draft, model: onnx.ModelProto, signature: Signature) -> dict[str, str]:
    """Nodes that bring the signature's inputs into the model's types and shapes."""
    infos = {info.name: info for info in _graph_inputs(model)}
    matched = _matched(model, signature)
    if matched is None:
        (info,) = infos.values()
        return {info.name: rows.matrix_piece(draft, signature, _element(info)).tensor}
    tensors = {}
    for name, field in matched.items():
        element, shape = _element(infos[name]), _shape(infos[name], field)
        tensor = field.name if element == dtype(field) else draft.cast(field.name, element)
        tensors[name] = draft.reshape(tensor, -1, *shape)
    return tensors


def _feed(model: onnx.ModelProto, signature: Signature, sample: Any) -> parity.Arrays:
    """The same for arrays."""
    infos = {info.name: info for info in _graph_inputs(model)}
    matched = _matched(model, signature)
    if matched is None:
        (info,) = infos.values()
        return {info.name: rows.matrix(signature, sample).astype(_numpy(info))}
    given = feeds(signature, sample)
    return {
        name: given[field.name].astype(_numpy(infos[name])).reshape(-1, *_shape(infos[name], field))
        for name, field in matched.items()
    }


def _element(info: onnx.ValueInfoProto) -> str:
    kind = _numpy(info)
    return "str" if kind.hasobject else str(kind)


def _numpy(info: onnx.ValueInfoProto) -> np.dtype[Any]:
    return np.dtype(helper.tensor_dtype_to_np_dtype(info.type.tensor_type.elem_type))


def _shape(info: onnx.ValueInfoProto, field: Field) -> tuple[int, ...]:
    """Shape of a row of the model's input; raises ConversionError when `field` has another size."""
    own = field.shape if isinstance(field, Tensor) else ()
    dims = info.type.tensor_type.shape.dim[1:]
    if not all(dim.HasField("dim_value") for dim in dims):
        return own or (1,) * len(dims)
    wanted = tuple(dim.dim_value for dim in dims)
    if np.prod(wanted, dtype=int) != np.prod(own, dtype=int):
        raise ConversionError(
            f"input {info.name} of the ONNX model has rows of shape {list(wanted)}, "
            f"{field.name} of the signature {list(own)}"
        )
    return wanted


def _run(model: onnx.ModelProto, signature: Signature, sample: Any) -> parity.Arrays:
    return parity.answers(model, _feed(model, signature, sample))


def _result(model: onnx.ModelProto, signature: Signature, sample: Any) -> Result:
    return _roles(_run(model, signature, sample), signature)


def _roles(raw: parity.Arrays, signature: Signature) -> Result:
    """Which output is what, by type: a label is text or one whole number a row."""
    found = {name: array for name, array in raw.items() if array.dtype.kind == "f"}
    numbers = _numbers(found, signature)
    array = raw[numbers]
    label = None
    if isinstance(signature.output, Classes):
        label = next((n for n, a in raw.items() if n not in found and a.size == len(array)), None)
    text = label is not None and raw[label].dtype.kind not in "iub"
    return Result(numbers, array.size // max(len(array), 1), label, text)


def _numbers(found: parity.Arrays, signature: Signature) -> str:
    """The one output of real numbers, or the one that is called as the contract says."""
    named = [name for name in found if name in ("probabilities", "value", "values")]
    candidates = named if len(named) == 1 else list(found)
    if len(candidates) == 1:
        return candidates[0]
    raise ConversionError(
        f"the ONNX model has {len(found)} outputs of real numbers ({', '.join(found)}) and none "
        f"of them alone is the {type(signature.output).__name__} of the signature"
    )
