"""The rows, the model, and the parameters worth trying. `interlock.toml` names these functions."""

from __future__ import annotations

from typing import Any

import pandas as pd
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler


def load() -> pd.DataFrame:
    """Ten named columns, and the diagnosis of each row. Replace this with your own data."""
    data = load_breast_cancer(as_frame=True)
    columns = {name: name[5:].replace(" ", "_") for name in data.data if name.startswith("mean ")}
    diagnosis = data.target.map({0: "malignant", 1: "benign"})
    return data.data[list(columns)].rename(columns=columns).assign(diagnosis=diagnosis)


def fit(data: Any, strength: float = 1.0) -> Pipeline:
    """Learn from `data.train`; stop early, if need be, by `data.validation`.

    Preprocessing belongs in the pipeline: it becomes part of the packaged graph.
    """
    model = make_pipeline(StandardScaler(), LogisticRegression(C=strength))
    return model.fit(data.train.features, data.train.truth)


def space(trial: Any) -> dict[str, Any]:
    """Parameters of `fit` for one trial of `interlock tune`; `trial` is Optuna's."""
    return {"strength": trial.suggest_float("strength", 0.01, 100, log=True)}
