"""What every source of models hands over: one ONNX graph and where it came from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol, TypeAlias

import numpy as np

from interlock.signature.schema import Output, Signature

if TYPE_CHECKING:
    import onnx

Activation: TypeAlias = Literal["softmax", "sigmoid"]
Answers: TypeAlias = dict[str, np.ndarray[Any, Any]]


class Converted(NamedTuple):
    """A model as one graph whose inputs and outputs are called as its signature says.

    Attributes
    ----------
    graph
        ONNX model with preprocessing and postprocessing inside.
    source
        Public name of what it was, such as ``sklearn.pipeline.Pipeline``.
    preprocessing
        ``sha256:…`` of the recipe of the preprocessing (kinds of steps and their settings, nothing
        learned from data); None where the model has no preprocessing of its own.
    """

    graph: onnx.ModelProto
    source: str
    preprocessing: str | None


class Source(Protocol):
    """The three things a source of models can do; each module beside this one is one."""

    def convert(self, model: Any, signature: Signature) -> Converted: ...

    def reference(self, model: Any, signature: Signature, sample: Any) -> Answers: ...

    def infer_output(self, model: Any) -> Output: ...


class Network(Protocol):
    """The same for PyTorch and ONNX: they are tried with a sample, and may put out logits."""

    def convert(
        self, model: Any, signature: Signature, *, sample: Any, activation: Activation | None
    ) -> Converted: ...

    def reference(
        self, model: Any, signature: Signature, sample: Any, *, activation: Activation | None
    ) -> Answers: ...
