"""What every source of models is held to: its graph answers as the model itself does."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from interlock.package import parity
from interlock.package.convert import Converted, convert, infer_output, reference
from interlock.package.convert.converted import Activation
from interlock.signature.infer import feeds, infer_inputs
from interlock.signature.schema import Output, Signature

Proof = Callable[..., Converted]
ROWS = 240

# Boosters of several test processes would wait for each other's threads.
os.environ["OMP_NUM_THREADS"] = "1"


def describe(sample: Any, output: Output, **shape: Any) -> Signature:
    """A signature for `sample` as it is, with the given output."""
    return Signature(inputs=infer_inputs(sample, **shape), output=output)


@pytest.fixture
def prove() -> Proof:
    """Convert a model and compare the graph with it on every row of the sample and on one row."""

    def proof(
        model: Any,
        sample: Any,
        signature: Signature | None = None,
        *,
        activation: Activation | None = None,
        tolerance: float = 1e-4,
    ) -> Converted:
        signature = signature or describe(sample, infer_output(model))
        converted = convert(model, signature, sample=sample, activation=activation)
        for rows in (sample, sample[:1]):
            expected = reference(model, signature, rows, activation=activation)
            report = parity.check(
                converted.graph, feeds(signature, rows), expected, tolerance=tolerance
            )
            assert report.rows == len(rows)
        return converted

    return proof


@pytest.fixture
def table() -> pd.DataFrame:
    """Customers with columns of every type, nothing missing."""
    draw = np.random.default_rng(7)
    return pd.DataFrame(
        {
            "age": draw.integers(18, 90, ROWS),
            "fee": draw.normal(50, 12, ROWS),
            "plan": draw.choice(["basic", "plus", "pro"], ROWS),
            "region": draw.choice(["north", "south"], ROWS),
            "grade": draw.integers(1, 4, ROWS),
            "vip": draw.random(ROWS) < 0.5,
        }
    )


@pytest.fixture
def churned(table: pd.DataFrame) -> np.ndarray[Any, Any]:
    """Whether each customer of the table left, as words."""
    return np.where((table.fee > 50) & (table.plan != "pro"), "left", "stayed")


@pytest.fixture
def beats() -> np.ndarray[Any, Any]:
    """Rows of eight plain numbers."""
    return np.random.default_rng(3).normal(size=(ROWS, 8)).astype(np.float32)


@pytest.fixture
def kinds(beats: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """One of three kinds for each row of the beats."""
    return np.asarray(np.array(["apex", "base", "core"])[beats[:, :3].argmax(axis=1)])
