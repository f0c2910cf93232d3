"""MLflow models, saved by MLflow itself and read by flavour."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import lightgbm as lgb
import mlflow
import mlflow.lightgbm
import mlflow.onnx
import mlflow.sklearn
import mlflow.xgboost
import numpy as np
import pytest
import xgboost as xgb
from skl2onnx import to_onnx
from sklearn.linear_model import LogisticRegression

from interlock.errors import ConversionError
from interlock.package.convert import PickleWarning, load
from tests.package.convert.conftest import Proof

Array = np.ndarray[Any, Any]

pytestmark = [
    # MLflow looks up what its own flavours need, and says so when a package has no public version.
    pytest.mark.filterwarnings("ignore::UserWarning:mlflow"),
    pytest.mark.filterwarnings("ignore::FutureWarning:mlflow"),
    # MLflow's tables use a loader that SQLAlchemy 2.1 is about to drop.
    pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy"),
]


@pytest.fixture
def truth(beats: Array) -> Array:
    return (beats[:, 0] > 0).astype(int)


def save(flavour: Any, model: Any, path: Path) -> Path:
    """Save without asking MLflow which packages the model needs, which takes seconds."""
    flavour.save_model(model, path, pip_requirements=[])
    return path


def test_onnx_flavour(prove: Proof, beats: Array, truth: Array, tmp_path: Path) -> None:
    """An ONNX model needs no trust."""
    graph = to_onnx(LogisticRegression().fit(beats, truth), beats[:1], target_opset=15)
    prove(load(save(mlflow.onnx, graph, tmp_path / "m")), beats)


def test_booster_flavours(prove: Proof, beats: Array, truth: Array, tmp_path: Path) -> None:
    """LightGBM and XGBoost boosters come from their own formats, without a pickle."""
    booster = lgb.train({"objective": "binary", "verbose": -1}, lgb.Dataset(beats, truth), 3)
    prove(load(save(mlflow.lightgbm, booster, tmp_path / "lightgbm")), beats)
    estimator = xgb.XGBClassifier(n_estimators=3).fit(beats, truth)
    loaded = load(save(mlflow.xgboost, estimator, tmp_path / "xgboost"))
    assert isinstance(loaded, xgb.XGBClassifier)
    prove(loaded, beats)


def test_pickled_flavour(prove: Proof, beats: Array, truth: Array, tmp_path: Path) -> None:
    """The scikit-learn flavour is a pickle: refused without trust, warned of with it."""
    model = LogisticRegression().fit(beats, truth)
    mlflow.sklearn.save_model(
        model, tmp_path / "m", serialization_format="cloudpickle", pip_requirements=[]
    )
    with pytest.raises(ConversionError, match="--trust-pickle"):
        load(tmp_path / "m")
    with pytest.warns(PickleWarning, match="runs whatever code is in it"):
        prove(load(tmp_path / "m", trust_pickle=True), beats)


def test_uri(
    prove: Proof, beats: Array, truth: Array, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A URI means Interlock's own registry, unless MLflow was told of another server."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setenv("INTERLOCK_HOME", str(home))
    server = f"sqlite:///{home}/registry.db"
    client = mlflow.MlflowClient(server, server)
    graph = to_onnx(LogisticRegression().fit(beats, truth), beats[:1], target_opset=15)
    path = save(mlflow.onnx, graph, home / "m")
    client.create_registered_model("beat")
    client.create_model_version("beat", str(path))
    client.set_registered_model_alias("beat", "champion", "1")
    prove(load("models:/beat@champion"), beats)
    with pytest.raises(ConversionError, match="models:/beat@absent: MLflow cannot fetch it"):
        load("models:/beat@absent")
    assert "MLFLOW_TRACKING_URI" not in os.environ


def test_what_is_no_model(tmp_path: Path) -> None:
    """Directories without MLmodel and flavours that nobody reads here are refused."""
    with pytest.raises(ConversionError, match="no MLmodel file"):
        load(tmp_path)
    (tmp_path / "MLmodel").write_text("flavors:\n  prophet:\n    data: x\n")
    with pytest.raises(ConversionError, match="has the flavours prophet; read here are onnx"):
        load(tmp_path)
