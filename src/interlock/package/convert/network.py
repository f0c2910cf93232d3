"""What PyTorch and ONNX networks put out, made into labels, probabilities and numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from interlock.errors import ConversionError
from interlock.package.convert import labels, rows
from interlock.package.convert.converted import Activation, Answers
from interlock.package.convert.labels import Arrangement
from interlock.package.graph import Draft
from interlock.signature.schema import Classes, Signature


def outputs(
    draft: Draft,
    signature: Signature,
    tensor: str,
    columns: int,
    activation: Activation | None,
) -> dict[str, str]:
    """Graph outputs from a network's one output of so many `columns` a row."""
    if not isinstance(signature.output, Classes):
        return rows.number_outputs(draft, signature, activated(draft, tensor, activation))
    chances = probabilities(draft, signature, tensor, columns, activation)
    return labels.positions(signature).outputs(draft, None, chances)


def probabilities(
    draft: Draft,
    signature: Signature,
    tensor: str,
    columns: int,
    activation: Activation | None,
) -> str:
    """Tensor of a probability for each label; one column is the chance of the second of two."""
    check_columns(signature, columns)
    chances = activated(draft, draft.reshape(tensor, -1, columns), activation)
    if columns > 1:
        return chances
    chances = draft.cast(chances, "float32")
    other = draft.add("Sub", draft.constant(np.ones(1, np.float32)), chances)
    return draft.add("Concat", other, chances, axis=1)


def activated(draft: Draft, tensor: str, activation: Activation | None) -> str:
    """`tensor` with the activation applied."""
    if activation == "softmax":
        return draft.add("Softmax", tensor, axis=-1)
    return draft.add("Sigmoid", tensor) if activation == "sigmoid" else tensor


def answers(signature: Signature, raw: Any, activation: Activation | None) -> Answers:
    """The same as `outputs`, worked out with NumPy from what the network itself put out."""
    raw = np.asarray(raw)
    if not isinstance(signature.output, Classes):
        return rows.number_answers(signature, _activate(raw, activation))
    chances = chances_of(signature, raw, activation)
    return labels.positions(signature).answers(chances.argmax(axis=1), chances)


def chances_of(signature: Signature, raw: Any, activation: Activation | None) -> Any:
    """The same as `probabilities`, worked out with NumPy."""
    raw = raw.reshape(len(raw), -1)
    check_columns(signature, raw.shape[1])
    chances = _activate(raw, activation)
    return chances if raw.shape[1] > 1 else np.concatenate([1 - chances, chances], axis=1)


def check_columns(signature: Signature, columns: int) -> None:
    """Raise ConversionError when a network's columns are not the signature's labels."""
    count = len(labels.wanted(signature))
    if columns != count and (columns, count) != (1, 2):
        raise ConversionError(
            f"the network puts out {columns} columns, the signature has {count} labels"
        )


def own_labels(signature: Signature, known: list[Any], text: bool) -> Arrangement:
    """Arrangement for a network that puts out its own label; `known` are its classes, if it says.

    Without them, string labels are taken to be in the signature's order, numbers to be positions.
    """
    if known:
        return labels.arrange(known, signature)
    if text:
        return labels.arrange(labels.wanted(signature), signature)
    return labels.positions(signature)


def _activate(raw: Any, activation: Activation | None) -> Any:
    match activation:
        case "softmax":
            raised = np.exp(raw - raw.max(axis=-1, keepdims=True))
            return raised / raised.sum(axis=-1, keepdims=True)
        case "sigmoid":
            return 1 / (1 + np.exp(-raw))
    return raw
