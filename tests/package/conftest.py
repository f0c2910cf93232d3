"""Small trained models and packages of them, each made once."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from interlock.package import Package
from interlock.package.builder import build


class Trained(NamedTuple):
    """A fitted model and the rows it was fitted on."""

    model: Any
    rows: Any


def waves(rows: int = 120, seed: int = 7) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Signals of 32 samples in three classes that differ plainly."""
    random = np.random.default_rng(seed)
    labels = np.array(["flat", "loud", "wave"])[np.arange(rows) % 3]
    signals = random.normal(scale=0.1, size=(rows, 32))
    signals[labels == "loud"] += 2
    signals[labels == "wave"] += np.sin(np.arange(32) / 3)
    return signals.astype(np.float32), labels


def patients(rows: int = 120, seed: int = 7) -> pd.DataFrame:
    """Records with whole numbers, real numbers and two string columns."""
    random = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "age": random.integers(20, 90, rows),
            "dose": random.normal(10, 2, rows),
            "plan": random.choice(["basic", "gold", "plus"], rows),
            "city": random.choice(["Kisumu", "Mombasa"], rows),
        }
    )


@pytest.fixture(scope="session")
def classifier() -> Trained:
    """A tensor model with three string labels."""
    signals, labels = waves()
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500))
    return Trained(model.fit(signals, labels), signals)


@pytest.fixture(scope="session")
def record_classifier() -> Trained:
    """A record model with string columns and whole-number labels."""
    frame = patients()
    columns = ColumnTransformer(
        [
            ("numbers", StandardScaler(), ["age", "dose"]),
            ("words", OneHotEncoder(handle_unknown="ignore"), ["plan", "city"]),
        ]
    )
    model = make_pipeline(columns, LogisticRegression())
    return Trained(model.fit(frame, (frame["age"] > 50).astype(int)), frame)


@pytest.fixture(scope="session")
def regressor() -> Trained:
    """A record model that answers a number."""
    frame = patients()[["age", "dose"]]
    model = make_pipeline(StandardScaler(), Ridge())
    return Trained(model.fit(frame, frame["age"] * 0.5 + frame["dose"]), frame)


@pytest.fixture(scope="session")
def beat(classifier: Trained, tmp_path_factory: pytest.TempPathFactory) -> Package:
    """The tensor model as a package. Shared: do not change its files."""
    return build(
        classifier.model,
        name="beat",
        sample=classifier.rows,
        tensor="beat",
        out=tmp_path_factory.mktemp("shared") / "beat",
        metrics={"test": {"accuracy": 0.97, "f1_macro": 0.95}},
        training_data={"beat": classifier.rows},
        description="Tells three kinds of signal apart.",
        license="Apache-2.0",
        intended_use="Tests.",
        limitations="Nothing but tests.",
    )


@pytest.fixture(scope="session")
def intake(record_classifier: Trained, tmp_path_factory: pytest.TempPathFactory) -> Package:
    """The record model as a package. Shared: do not change its files."""
    out = tmp_path_factory.mktemp("shared") / "intake"
    return build(record_classifier.model, name="intake", sample=record_classifier.rows, out=out)


@pytest.fixture(scope="session")
def cost(regressor: Trained, tmp_path_factory: pytest.TempPathFactory) -> Package:
    """The regressor as a package. Shared: do not change its files."""
    out = tmp_path_factory.mktemp("shared") / "cost"
    return build(regressor.model, name="cost", sample=regressor.rows, out=out)


@pytest.fixture
def copy(beat: Package, tmp_path: Path) -> Path:
    """A copy of a package whose files a test may change."""
    target = tmp_path / "copy"
    target.mkdir()
    for file in beat.path.iterdir():
        (target / file.name).write_bytes(file.read_bytes())
    return target
