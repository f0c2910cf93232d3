"""How a model's own classes become the signature's labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from interlock.errors import ConversionError
from interlock.package.convert.converted import Answers
from interlock.package.graph import Draft
from interlock.signature.schema import Classes, Signature

Label = str | int


class Arrangement(NamedTuple):
    """The model's classes against the signature's labels.

    `order` says which of the model's columns goes where; `renamed` that the model knows only
    positions 0, 1, … and the signature gives them their names.
    """

    labels: tuple[Label, ...]
    order: tuple[int, ...]
    renamed: bool

    def answers(self, label: Any, probabilities: Any) -> Answers:
        """The model's own answers in the signature's terms."""
        label = np.asarray(label)
        if self.renamed:
            label = self.names[label.astype(np.int64)]
        return {
            "label": label.astype(self.names.dtype),
            "probabilities": np.asarray(probabilities)[:, list(self.order)],
        }

    def outputs(self, draft: Draft, label: str | None, probabilities: str) -> dict[str, str]:
        """Graph outputs from the model's; without a label of its own the likeliest class is it."""
        if label is None:
            label = draft.add("ArgMax", probabilities, axis=1, keepdims=0)
        label = draft.reshape(label, -1)
        if self.renamed:
            label = draft.add("Gather", draft.constant(self.names), draft.cast(label, "int64"))
        elif not isinstance(self.labels[0], str):
            label = draft.cast(label, "int64")
        if self.order != tuple(range(len(self.order))):
            order = draft.constant(np.array(self.order, np.int64))
            probabilities = draft.add("Gather", probabilities, order, axis=1)
        return {"label": label, "probabilities": draft.cast(probabilities, "float32")}

    @property
    def names(self) -> np.ndarray[Any, Any]:
        text = isinstance(self.labels[0], str)
        return np.array(self.labels, dtype=object if text else np.int64)


def plain(classes: Sequence[Any]) -> tuple[Label, ...]:
    """Class values as Python strings or integers.

    Raises
    ------
    ConversionError
        When a class is neither.

    Examples
    --------
    >>> plain(np.array([False, True])), plain(["no", "yes"])
    ((0, 1), ('no', 'yes'))
    """
    return tuple(_plain(value) for value in np.asarray(classes).tolist())


def arrange(known: Sequence[Any], signature: Signature) -> Arrangement:
    """Match the classes that the model knows, in its order, with the signature's labels.

    Raises
    ------
    ConversionError
        When they are not the same set and the model's are not mere positions.
    """
    classes, labels = plain(known), wanted(signature)
    if set(classes) == set(labels):
        return Arrangement(labels, tuple(classes.index(label) for label in labels), False)
    if classes == tuple(range(len(labels))):
        return Arrangement(labels, tuple(range(len(labels))), True)
    raise ConversionError(
        f"the model's classes are {list(classes)}, the signature's labels {list(labels)}; "
        "give the same ones, or a name for each class in the model's order"
    )


def positions(signature: Signature) -> Arrangement:
    """For a model that knows no classes: its columns are the signature's labels, in order."""
    return arrange(range(len(wanted(signature))), signature)


def wanted(signature: Signature) -> tuple[Label, ...]:
    """The signature's labels; raises ConversionError when its output is not classes."""
    if isinstance(signature.output, Classes):
        return signature.output.labels
    raise ConversionError(
        "the model is a classifier, so its output must be Classes, "
        f"not {type(signature.output).__name__}"
    )


def _plain(value: Any) -> Label:
    if isinstance(value, str):
        return value
    if isinstance(value, bool | int) or (isinstance(value, float) and value.is_integer()):
        return int(value)
    raise ConversionError(f"class {value!r} is neither a string nor a whole number")
