"""The table of sources: which module turns which kind of model into a graph."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast, get_args

from interlock.errors import ConversionError
from interlock.package.convert import probabilities
from interlock.package.convert.converted import Activation

if TYPE_CHECKING:
    from interlock.package.convert.converted import Answers, Converted, Network, Source
    from interlock.signature.schema import Output, Signature

# Root package of a class, as found along its method resolution order, to the module for it.
SOURCES = {
    "lightgbm": "lightgbm",
    "xgboost": "xgboost",
    "sklearn": "sklearn",
    "torch": "torch",
    "onnx": "onnx",
}
NETWORKS = ("torch", "onnx")
PICKLES = (".pkl", ".pickle", ".joblib")
SCHEMES = ("models:/", "runs:/", "mlflow-artifacts:/", "s3://", "gs://", "http://", "https://")
ACCEPTED = (
    "a scikit-learn estimator or Pipeline, a (DictVectorizer, estimator) pair, a LightGBM or "
    "XGBoost model, a PyTorch module, an ONNX model or .onnx file, an MLflow model URI or "
    "directory, or (with trust_pickle) a .pkl, .pickle or .joblib file"
)


def load(source: object, *, trust_pickle: bool = False) -> Any:
    """The model that `source` is or points to.

    Parameters
    ----------
    source
        A model object (returned as it is), the path of a ``.onnx`` file, the path of a pickle or
        joblib file (only with `trust_pickle`), or an MLflow model: a URI such as
        ``models:/ecg@champion`` or a directory with an ``MLmodel`` file.
    trust_pickle
        Loading a pickle runs whatever code is in it. True says that you know where it came from.

    Raises
    ------
    ConversionError
        When there is no such file, it is of no accepted kind, or it is a pickle without trust.
    """
    if not isinstance(source, str | Path):
        return source
    if str(source).startswith(SCHEMES):
        return _module("mlflow").load(str(source), trust_pickle)
    return _load_path(Path(source), trust_pickle)


def convert(
    model: Any, signature: Signature, *, sample: Any, activation: Activation | None = None
) -> Converted:
    """One ONNX graph that answers as `model` does, named as `signature` says.

    Parameters
    ----------
    model
        A model object, as `load` returns it.
    sample
        Some rows of input (DataFrame, array, dict of arrays or list of records); networks are
        traced or tried with them, the others need none.
    activation
        For a PyTorch or ONNX network that puts out logits: what makes them probabilities.

    Raises
    ------
    ConversionError
        When the model is of no accepted kind or has a part that ONNX cannot express.
    """
    if network := _network(model, activation):
        return network.convert(model, signature, sample=sample, activation=activation)
    return _source(model).convert(model, signature)


def reference(
    model: Any, signature: Signature, sample: Any, *, activation: Activation | None = None
) -> Answers:
    """The model's own answers to `sample`, by its own library, keyed as the graph's outputs.

    ``label`` [rows] and ``probabilities`` [rows, labels] in the signature's label order, ``value``
    [rows] or ``values`` [rows, steps]. The sample goes in at its own precision, so that comparing
    with the graph shows what float32 loses.

    Raises
    ------
    ConversionError
        When its probabilities cannot be any, as those of a network that puts out logits.
    """
    if network := _network(model, activation):
        answers = network.reference(model, signature, sample, activation=activation)
    else:
        answers = _source(model).reference(model, signature, sample)
    return probabilities.check(answers)


def infer_output(model: Any) -> Output:
    """What `model` puts out, from what it knows of itself (``classes_``, number of targets).

    Raises
    ------
    ConversionError
        When the model does not know (a PyTorch module, a bare booster with several classes).
    """
    return _source(model).infer_output(model)


def _load_path(path: Path, trust_pickle: bool) -> Any:
    if not path.exists():
        raise ConversionError(f"{path}: no such file or directory")
    if path.is_dir():
        return _module("mlflow").load(str(path), trust_pickle)
    if path.suffix == ".onnx":
        return _module("onnx").load(path)
    if path.suffix in PICKLES:
        return _module("pickle").load(path, trust_pickle)
    raise ConversionError(f"{path}: not a kind of file that is read here; accepted: {ACCEPTED}")


def _network(model: Any, activation: Activation | None) -> Network | None:
    """The source of a network; None for other models, which take no activation."""
    kind = _kind(model)
    if activation not in (None, *get_args(Activation)):
        allowed = " or ".join(get_args(Activation))
        raise ConversionError(f"activation={activation!r} is not known; give {allowed}, or none")
    if kind in NETWORKS:
        return cast("Network", _module(kind))
    if activation is not None:
        raise ConversionError(
            f"activation={activation!r} is for PyTorch and ONNX networks; "
            f"{type(model).__name__} gives probabilities itself, leave it out"
        )
    return None


def _source(model: Any) -> Source:
    kind = _kind(model)
    if kind is None:
        raise ConversionError(
            f"{type(model).__module__}.{type(model).__qualname__} cannot be packaged; "
            f"accepted: {ACCEPTED}"
        )
    return cast("Source", _module(kind))


def _kind(model: Any) -> str | None:
    if isinstance(model, tuple | list):
        return "pair"
    roots = (ancestor.__module__.partition(".")[0] for ancestor in type(model).__mro__)
    return next((SOURCES[root] for root in roots if root in SOURCES), None)


def _module(name: str) -> Any:
    return importlib.import_module(f"interlock.package.convert.{name}")
