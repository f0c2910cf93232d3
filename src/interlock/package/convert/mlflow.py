"""MLflow models: fetched by URI and read by flavour, without a pickle where there is a choice."""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import mlflow.artifacts
import mlflow.tracking
from mlflow.exceptions import MlflowException
from mlflow.models import Model

from interlock import settings
from interlock.errors import ConversionError
from interlock.package.convert import pickle

# Written in a format of their own, which the modules of the same name here read.
_NATIVE = ("onnx", "lightgbm", "xgboost")
_PICKLED = ("sklearn", "pytorch")
_SERVER = "MLFLOW_TRACKING_URI"


def load(uri: str, trust_pickle: bool) -> Any:
    """The model behind an MLflow URI, or in a directory with an ``MLmodel`` file.

    Raises
    ------
    ConversionError
        When there is none, it has no flavour that is read here, or it is a pickle without trust.
    """
    folder = _fetched(uri)
    if not (folder / "MLmodel").is_file():
        raise ConversionError(f"{uri}: no MLmodel file, so not an MLflow model")
    flavours = Model.load(str(folder)).flavors
    known = (*_NATIVE, *_PICKLED)
    name = next((name for name in known if name in flavours), None)
    if name is None:
        raise ConversionError(
            f"{uri}: has the flavours {', '.join(flavours)}; read here are {', '.join(known)}"
        )
    data = folder / flavours[name].get("data", "")
    if name in _NATIVE and data.suffix != ".pkl":
        return importlib.import_module(f"interlock.package.convert.{name}").load(data)
    pickle.allow(uri, trust_pickle)
    return importlib.import_module(f"mlflow.{name}").load_model(str(folder))


def _fetched(uri: str) -> Path:
    if Path(uri).is_dir():
        return Path(uri)
    try:
        with _registry():
            return Path(mlflow.artifacts.download_artifacts(artifact_uri=uri))
    except (MlflowException, OSError) as error:
        raise ConversionError(f"{uri}: MLflow cannot fetch it: {error}") from error


@contextmanager
def _registry() -> Iterator[None]:
    """URIs mean the server that MLflow itself was told of; without one, Interlock's registry.

    Some of MLflow's readers of URIs forget a server that they are given as an argument, so it is
    named in the environment, and taken out again.
    """
    if mlflow.tracking.is_tracking_uri_set():  # type: ignore[no-untyped-call]
        yield
        return
    os.environ[_SERVER] = settings.read().registry_uri()
    try:
        yield
    finally:
        del os.environ[_SERVER]
