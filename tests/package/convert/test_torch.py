"""PyTorch modules against their graphs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

torch = pytest.importorskip("torch")

from interlock.errors import ConversionError  # noqa: E402
from interlock.package.convert import convert, infer_output  # noqa: E402
from interlock.package.convert.converted import Activation  # noqa: E402
from interlock.signature.schema import Classes, Signature, Tensor, Value, Vector  # noqa: E402
from tests.package.convert.conftest import Proof, describe  # noqa: E402

# The exporter's own imports warn of what is deprecated in them.
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
]

Array = np.ndarray[Any, Any]
KINDS = Classes(labels=("apex", "base", "core"))


def dense(outputs: int) -> Any:
    """A network from eight numbers to so many, the same each time."""
    torch.manual_seed(0)
    layers = torch.nn.Linear(8, 6), torch.nn.Dropout(0.5), torch.nn.Linear(6, outputs)
    return torch.nn.Sequential(layers[0], torch.nn.ReLU(), *layers[1:])


@pytest.mark.parametrize("activation", ["softmax", "sigmoid"])
def test_logits_of_three_kinds(prove: Proof, beats: Array, activation: Activation) -> None:
    """The activation that is asked for makes probabilities of logits."""
    converted = prove(dense(3), beats, describe(beats, KINDS), activation=activation)
    assert converted.source == "torch.nn.modules.container.Sequential"


def test_probabilities_as_they_are(prove: Proof, beats: Array) -> None:
    """A network that ends in its own softmax needs none."""
    network = torch.nn.Sequential(dense(3), torch.nn.Softmax(dim=1))
    prove(network, beats, describe(beats, KINDS))


def test_one_logit_for_two_labels(prove: Proof, beats: Array) -> None:
    """One column is the chance of the second label."""
    signature = describe(beats, Classes(labels=("well", "ill")))
    prove(dense(1), beats, signature, activation="sigmoid")


def test_module_in_training_mode(prove: Proof, beats: Array) -> None:
    """Dropout is off in the graph, and the module is left in the mode that it came in."""
    network = dense(3).train()
    prove(network, beats, describe(beats, KINDS), activation="softmax")
    assert network.training


def test_convolution_over_a_signal(prove: Proof, beats: Array) -> None:
    """Any number of rows goes through a network with reshapes inside."""
    network = torch.nn.Sequential(
        torch.nn.Unflatten(1, (1, 8)),
        torch.nn.Conv1d(1, 4, 3),
        torch.nn.Flatten(),
        torch.nn.Linear(24, 3),
    )
    prove(network, beats, describe(beats, KINDS), activation="softmax")


@pytest.mark.parametrize(("outputs", "output"), [(1, Value()), (3, Vector(steps=("a", "b", "c")))])
def test_numbers(prove: Proof, beats: Array, outputs: int, output: Value | Vector) -> None:
    """Networks answer numbers and vectors too."""
    prove(dense(outputs), beats, describe(beats, output))


def test_two_tensors(prove: Proof, beats: Array) -> None:
    """Tensors go to forward in the order of the signature."""

    class Difference(torch.nn.Module):  # type: ignore[misc, name-defined, unused-ignore]
        def forward(self, left: Any, right: Any) -> Any:
            return (left - 2 * right).sum(dim=1)

    signature = Signature(
        inputs=(Tensor(name="left", shape=(4,)), Tensor(name="right", shape=(4,))), output=Value()
    )
    sample = {"left": beats[:, :4], "right": beats[:, 4:]}
    converted = convert(Difference(), signature, sample=sample)
    assert [info.name for info in converted.graph.graph.input] == ["left", "right"]


def test_columns(prove: Proof, beats: Array) -> None:
    """Columns are put side by side as one float matrix."""
    frame = pd.DataFrame(beats).add_prefix("x").assign(x7=np.arange(len(beats)))
    prove(dense(3), frame, describe(frame, KINDS), activation="softmax")


def test_what_cannot_be_packaged(beats: Array) -> None:
    """Wrong shapes, wrong numbers of columns and outputs without meaning are refused."""
    with pytest.raises(ConversionError, match="fails on the sample"):
        convert(dense(3), describe(beats[:, :5], KINDS), sample=beats[:, :5])
    with pytest.raises(ConversionError, match="4 columns, the signature has 3 labels"):
        convert(dense(4), describe(beats, KINDS), sample=beats)
    with pytest.raises(ConversionError, match="does not say what its output means"):
        infer_output(dense(3))
