"""scikit-learn estimators and Pipelines, with LightGBM and XGBoost steps, by skl2onnx."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from skl2onnx import convert_sklearn
from skl2onnx.common import data_types
from sklearn.base import is_classifier, is_regressor
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction import DictVectorizer
from sklearn.pipeline import Pipeline

from interlock.errors import ConversionError
from interlock.package.convert import (
    dictvectorizer,
    labels,
    parts,
    recipe,
    registration,
    rows,
    threshold,
    trees,
)
from interlock.package.convert.converted import Answers, Converted
from interlock.package.graph import ML_OPSET, OPSET, Draft
from interlock.signature.schema import Classes, Output, Signature

_TYPES = {
    "float32": data_types.FloatTensorType,
    "float64": data_types.DoubleTensorType,
    "str": data_types.StringTensorType,
}

# Some of skl2onnx's messages list every node of a forest.
_LONGEST_REASON = 500


def convert(model: Any, signature: Signature) -> Converted:
    """The estimator as one graph; see `interlock.package.convert.convert`."""
    _check(model)
    draft = Draft(signature, OPSET)
    core, rule = threshold.split(getattr(model, "best_estimator_", model))
    if _takes_dicts(core):
        element = trees.entry(Pipeline(core.steps[1:]), signature)
        pieces = {"X": dictvectorizer.vector_piece(draft, core[0], signature, element)}
        core = Pipeline(core.steps[1:])
    else:
        pieces = _pieces(draft, core, rows.in_order(signature, _names(model)))
    outputs = _embed(draft, core, pieces)
    if is_regressor(model):
        heads = rows.number_outputs(draft, signature, outputs[0])
    else:
        label = rule.label(draft, model.classes_, outputs[1]) if rule else outputs[0]
        heads = labels.arrange(model.classes_, signature).outputs(draft, label, outputs[1])
    graph = draft.finish(heads)
    return Converted(graph, rows.public_name(type(model)), recipe.preprocessing(model))


def reference(model: Any, signature: Signature, sample: Any) -> Answers:
    """The estimator's own answers; see `interlock.package.convert.reference`."""
    _check(model)
    given = _given(model, signature, sample)
    if is_regressor(model):
        return rows.number_answers(signature, model.predict(given))
    arrangement = labels.arrange(model.classes_, signature)
    return arrangement.answers(model.predict(given), model.predict_proba(given))


def infer_output(model: Any) -> Output:
    """Classes of a classifier, targets of a regressor."""
    _check(model)
    if is_regressor(model):
        return rows.number_output(_targets(model))
    return Classes(labels=labels.plain(model.classes_))


def _embed(draft: Draft, model: Any, pieces: Mapping[str, rows.Piece]) -> list[str]:
    """Convert `model`, put it into the draft behind `pieces`, and name its outputs."""
    registration.register()
    if not trees.apart(model):
        return _embed_whole(draft, model, pieces)
    (prepared,) = _embed_whole(draft, Pipeline(model.steps[:-1]), pieces)
    last = model[-1]
    rounded = rows.Piece(draft.cast(prepared, "float32"), "float32", int(last.n_features_in_))
    return _embed_whole(draft, last, {"X": rounded})


def _embed_whole(draft: Draft, model: Any, pieces: Mapping[str, rows.Piece]) -> list[str]:
    types = [(name, _TYPES[p.element]([None, p.width])) for name, p in pieces.items()]
    try:
        graph = convert_sklearn(
            parts.readable(model),
            initial_types=types,
            target_opset={"": OPSET, "ai.onnx.ml": ML_OPSET},
            options={"zipmap": False} if is_classifier(model) else None,
        )
    # For what it lacks skl2onnx raises RuntimeError, NameError, KeyError or one of its own.
    except Exception as error:
        reason = str(error).strip()[:_LONGEST_REASON]
        raise ConversionError(f"{type(model).__name__} cannot become ONNX: {reason}") from error
    return list(draft.embed(graph, {name: p.tensor for name, p in pieces.items()}).values())


def _check(model: Any) -> None:
    name = type(model).__name__
    if is_regressor(model):
        return
    if not is_classifier(model):
        raise ConversionError(f"{name} is neither a classifier nor a regressor")
    if not hasattr(model, "classes_"):
        raise ConversionError(f"{name} is not fitted; call fit first")
    if isinstance(model.classes_, list):
        raise ConversionError(f"{name} has several labels a row; package one model for each")
    if not hasattr(model, "predict_proba"):
        raise ConversionError(
            f"{name} gives no probabilities; wrap it in CalibratedClassifierCV, or set "
            "probability=True where it has that"
        )


def _takes_dicts(model: Any) -> bool:
    return isinstance(model, Pipeline) and isinstance(model[0], DictVectorizer)


def _names(model: Any) -> list[str] | None:
    """Columns that the model was fitted on, where it was a DataFrame."""
    names = list(getattr(model, "feature_names_in_", ()))
    # LightGBM makes names up for the columns of an array.
    made_up = names == [f"Column_{place}" for place in range(len(names))]
    return None if made_up else names


def _pieces(draft: Draft, model: Any, signature: Signature) -> dict[str, rows.Piece]:
    """Inputs as the model wants them: column by column where it picks columns, else as a matrix."""
    if not isinstance(model, Pipeline | ColumnTransformer):
        rows.numbers_only(signature, model)
    words = rows.words(signature)
    element = trees.entry(model, signature)
    picks = any(isinstance(part, ColumnTransformer) for part in parts.parts(model))
    if signature.kind == "records" and (picks or 0 < len(words) < len(signature.inputs)):
        return rows.column_pieces(draft, signature, element)
    return {"X": rows.matrix_piece(draft, signature, element)}


def _given(model: Any, signature: Signature, sample: Any) -> Any:
    """`sample` in the form that the model was fitted on."""
    if _takes_dicts(model):
        return dictvectorizer.records(signature, sample)
    names = _names(model)
    signature = rows.in_order(signature, names)
    if names is not None and signature.kind == "records":
        return rows.frame(signature, sample).set_axis(names, axis=1)
    matrix = rows.matrix(signature, sample)
    return matrix if names is None else pd.DataFrame(matrix, columns=names)


def _targets(model: Any) -> int:
    """How many numbers a regressor predicts for a row."""
    last = model[-1] if isinstance(model, Pipeline) else model
    last = getattr(last, "best_estimator_", getattr(last, "regressor_", last))
    if hasattr(last, "n_outputs_"):
        return int(last.n_outputs_)
    if type(last).__name__ in ("MultiOutputRegressor", "RegressorChain"):
        return len(last.estimators_)
    coefficients = np.asarray(getattr(last, "coef_", 0.0))
    return len(coefficients) if coefficients.ndim == 2 else 1
