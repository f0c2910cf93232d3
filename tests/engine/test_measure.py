"""What is measured when a graph is loaded, and what follows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from interlock.engine import Measurement, Session, measure
from interlock.errors import EngineError
from tests.engine.graphs import SIGNATURE, total


def test_small_graph(tmp_path: Path) -> None:
    """Adding two numbers takes far less than a millisecond, and a batch costs hardly more."""
    session = Session(total(tmp_path / "model.onnx"), SIGNATURE)
    found = measure(session, {"x": np.ones((3, 2), np.float32)})
    assert 0 < found.batched < found.one < 0.005
    assert found.batching_pays


def test_graph_that_takes_no_batch(tmp_path: Path) -> None:
    """A graph for one row only is found out before it serves."""
    session = Session(total(tmp_path / "model.onnx", rows=1), SIGNATURE)
    with pytest.raises(EngineError):
        measure(session, {"x": np.ones((1, 2), np.float32)})


@pytest.mark.parametrize(
    ("one", "batched", "pays"), [(1.0, 0.25, True), (1.0, 0.9, False), (1.0, 1.5, False)]
)
def test_batching_pays(one: float, batched: float, pays: bool) -> None:
    """A row must be clearly cheaper within a batch; as cheap is not enough."""
    assert Measurement(one, batched).batching_pays is pays
