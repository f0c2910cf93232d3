"""Rows in the forms that models take, and the graph nodes that bring inputs into those forms."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec
import numpy as np
import pandas as pd

from interlock.errors import ConversionError
from interlock.package.graph import Draft
from interlock.signature.infer import columns
from interlock.signature.schema import (
    Category,
    Input,
    Signature,
    Tensor,
    Text,
    Value,
    Vector,
    dtype,
)

Array = np.ndarray[Any, Any]


class Piece(NamedTuple):
    """A tensor [rows, width] in a draft: its name, element type (``"str"`` for strings), width."""

    tensor: str
    element: str
    width: int


def in_order(signature: Signature, names: Sequence[str] | None) -> Signature:
    """`signature` with the columns that a model was fitted on, in the model's order.

    Columns that the model does not know are left out: it ignores them. Tensors stay as they are.

    Raises
    ------
    ConversionError
        When the model was fitted on a column that the signature lacks.
    """
    if names is None or signature.kind == "tensors":
        return signature
    # LightGBM writes the spaces in its names as underscores.
    known = {field.name.replace(" ", "_"): field for field in signature.inputs}
    known |= {field.name: field for field in signature.inputs}
    if absent := [name for name in names if name not in known]:
        raise ConversionError(
            f"the model was fitted on {', '.join(absent)}, which the signature lacks"
        )
    return msgspec.structs.replace(signature, inputs=tuple(known[name] for name in names))


def width(signature: Signature) -> int:
    """How many numbers a row has when all inputs are put side by side."""
    return sum(
        math.prod(field.shape) if isinstance(field, Tensor) else 1 for field in signature.inputs
    )


def precision(signature: Signature) -> str:
    """``float64`` when any input is declared so, else ``float32``: what a model computes in."""
    return "float64" if any(dtype(f) == "float64" for f in signature.inputs) else "float32"


def words(signature: Signature) -> list[str]:
    """Names of the inputs that are strings."""
    return [field.name for field in signature.inputs if isinstance(field, Category | Text)]


def numbers_only(signature: Signature, model: Any) -> None:
    """Raise ConversionError when `signature` has strings, which `model` by itself cannot take."""
    if names := words(signature):
        raise ConversionError(
            f"{type(model).__name__} takes numbers only, but {', '.join(names)} "
            f"{'is' if len(names) == 1 else 'are'} text; put an encoder in front of it, "
            "as in Pipeline([('encode', OneHotEncoder()), ('model', …)])"
        )


def frame(signature: Signature, sample: Any) -> pd.DataFrame:
    """`sample` as a DataFrame with a column for each input, values as they came."""
    if isinstance(sample, pd.DataFrame) and signature.kind == "records":
        columns(signature, sample)
        return sample[[field.name for field in signature.inputs]]
    return pd.DataFrame(columns(signature, sample))


def matrix(signature: Signature, sample: Any) -> Array:
    """`sample` as a matrix [rows, width]: inputs in the signature's order, flattened.

    Numbers are float64 with NaN for missing; with strings among them it is an object array.
    """
    found = columns(signature, sample)
    kind = object if words(signature) else np.float64
    parts = [values.reshape(len(values), -1) for values in found.values()]
    if kind is np.float64:
        parts = [np.where(pd.isna(part), np.nan, part) for part in parts]
    return np.concatenate([part.astype(kind) for part in parts], axis=1)


def numbers(signature: Signature, sample: Any) -> Any:
    """`sample` in float64, as a DataFrame where the signature has columns."""
    values = matrix(signature, sample)
    if signature.kind == "tensors":
        return values
    return pd.DataFrame(values, columns=[field.name for field in signature.inputs])


def column_pieces(draft: Draft, signature: Signature, element: str) -> dict[str, Piece]:
    """Each input as a column [rows, 1]: numbers as `element`, strings as they are."""
    return {field.name: _column(draft, field, element) for field in signature.inputs}


def matrix_piece(draft: Draft, signature: Signature, element: str) -> Piece:
    """All inputs side by side: numbers as `element`, or all of them strings."""
    element = "str" if words(signature) else element
    parts = [_column(draft, field, element).tensor for field in signature.inputs]
    whole = parts[0] if len(parts) == 1 else draft.add("Concat", *parts, axis=1)
    return Piece(whole, element, width(signature))


def number_outputs(draft: Draft, signature: Signature, tensor: str) -> dict[str, str]:
    """Graph output of a regressor: ``value`` or ``values`` in float32.

    Raises
    ------
    ConversionError
        When the signature's output is classes.
    """
    tensor = draft.cast(tensor, "float32")
    match signature.output:
        case Value():
            return {"value": draft.reshape(tensor, -1)}
        case Vector(steps=steps):
            return {"values": draft.reshape(tensor, -1, len(steps))}
    raise ConversionError("the model is a regressor, so its output must be Value or Vector")


def number_answers(signature: Signature, predicted: Any) -> dict[str, Array]:
    """The same for the model's own predictions.

    Raises
    ------
    ConversionError
        When there are more or fewer numbers a row than the signature says.
    """
    predicted = np.asarray(predicted)
    targets = 1 if predicted.ndim == 1 else predicted.shape[1]
    steps = len(signature.output.steps) if isinstance(signature.output, Vector) else 1
    if targets != steps:
        raise ConversionError(f"the model predicts {targets} numbers, the signature says {steps}")
    if isinstance(signature.output, Value):
        return {"value": predicted.reshape(-1)}
    return {"values": predicted.reshape(-1, steps)}


def number_output(targets: int) -> Value | Vector:
    """Output of a regressor with so many targets; the steps are called 1, 2, …"""
    if targets == 1:
        return Value()
    return Vector(steps=tuple(str(step) for step in range(1, targets + 1)))


def public_name(kind: type) -> str:
    """Where users import a class from: its module without private parts.

    >>> from sklearn.linear_model import LogisticRegression
    >>> public_name(LogisticRegression)
    'sklearn.linear_model.LogisticRegression'
    """
    parts = [part for part in kind.__module__.split(".") if not part.startswith("_")]
    return ".".join([*parts, kind.__qualname__])


def _column(draft: Draft, field: Input, element: str) -> Piece:
    size = math.prod(field.shape) if isinstance(field, Tensor) else 1
    element = "str" if dtype(field) == "str" else element
    tensor = field.name if dtype(field) == element else draft.cast(field.name, element)
    return Piece(draft.reshape(tensor, -1, size), element, size)
