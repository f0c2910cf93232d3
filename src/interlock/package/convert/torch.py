"""PyTorch modules, exported with a dynamic batch axis."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import torch

from interlock.errors import ConversionError
from interlock.package.convert import network, rows
from interlock.package.convert.converted import Activation, Answers, Converted
from interlock.package.graph import Draft
from interlock.signature.infer import feeds
from interlock.signature.schema import Output, Signature

OPSET = 18
"""The oldest opset that PyTorch's exporter writes without converting."""

_EXAMPLE_ROWS = 2
_ROWS_A_BATCH = 256


def convert(
    model: torch.nn.Module,
    signature: Signature,
    *,
    sample: Any,
    activation: Activation | None = None,
) -> Converted:
    """The module as one graph; see `interlock.package.convert.convert`.

    `forward` takes the signature's tensors in order, or one float matrix [rows, columns] where the
    signature has columns, and returns one tensor.
    """
    example = [tensor[:_EXAMPLE_ROWS] for tensor in _tensors(signature, sample)]
    columns = _run(model, example)[0].size
    draft = Draft(signature)
    names = [f"x{place}" for place in range(len(example))]
    embedded = draft.embed(_export(model, example, names), _inputs(draft, signature, names))
    tensor = next(iter(embedded.values()))
    heads = network.outputs(draft, signature, tensor, columns, activation)
    return Converted(draft.finish(heads), rows.public_name(type(model)), None)


def reference(
    model: torch.nn.Module,
    signature: Signature,
    sample: Any,
    *,
    activation: Activation | None = None,
) -> Answers:
    """The module's own answers; see `interlock.package.convert.reference`."""
    tensors = _tensors(signature, sample)
    starts = range(0, len(tensors[0]), _ROWS_A_BATCH)
    batches = [_run(model, [t[start : start + _ROWS_A_BATCH] for t in tensors]) for start in starts]
    return network.answers(signature, np.concatenate(batches), activation)


def infer_output(model: torch.nn.Module) -> Output:
    """A module does not know what its numbers mean: always raises ConversionError."""
    raise ConversionError(
        f"{type(model).__name__} does not say what its output means; give the labels of a "
        "classifier, or an output (Value, Vector)"
    )


def _tensors(signature: Signature, sample: Any) -> list[torch.Tensor]:
    if signature.kind == "tensors":
        return [torch.from_numpy(array) for array in feeds(signature, sample).values()]
    return [torch.from_numpy(rows.matrix(signature, sample).astype(rows.precision(signature)))]


def _inputs(draft: Draft, signature: Signature, names: list[str]) -> dict[str, str]:
    if signature.kind == "tensors":
        fields = [field.name for field in signature.inputs]
        return dict(zip(names, fields, strict=True))
    return {names[0]: rows.matrix_piece(draft, signature, rows.precision(signature)).tensor}


def _run(model: torch.nn.Module, tensors: list[torch.Tensor]) -> np.ndarray[Any, Any]:
    """The module's answer as an array, in evaluation mode and without gradients."""
    training = model.training
    model.eval()
    try:
        with torch.no_grad():
            output = model(*tensors)
    except RuntimeError as error:
        raise ConversionError(f"{type(model).__name__} fails on the sample: {error}") from error
    finally:
        model.train(training)
    if not isinstance(output, torch.Tensor):
        raise ConversionError(
            f"{type(model).__name__} returns {type(output).__name__}; "
            "forward must return one tensor"
        )
    return np.asarray(output.cpu().numpy())


def _export(
    model: torch.nn.Module, example: list[torch.Tensor], names: list[str]
) -> onnx.ModelProto:
    training = model.training
    batch = torch.export.Dim("rows")
    try:
        program = torch.onnx.export(
            model.eval(),
            tuple(example),
            dynamo=True,
            opset_version=OPSET,
            input_names=names,
            dynamic_shapes=[{0: batch} for _ in example],
            verbose=False,
        )
    # The exporter has a tree of errors of its own and lets those of the traced code through.
    except Exception as error:
        raise ConversionError(f"{type(model).__name__} cannot become ONNX: {error}") from error
    finally:
        model.train(training)
    exported: onnx.ModelProto = program.model_proto
    return exported
