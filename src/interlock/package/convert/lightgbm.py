"""LightGBM: estimators go the way of scikit-learn's, bare boosters by onnxmltools."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import onnxmltools
from onnxmltools.convert.common.data_types import FloatTensorType

from interlock.errors import ConversionError
from interlock.package.convert import labels, rows, sklearn
from interlock.package.convert.converted import Answers, Converted
from interlock.package.graph import OPSET, Draft
from interlock.signature.schema import Classes, Output, Signature


def convert(model: Any, signature: Signature) -> Converted:
    """The model as one graph; see `interlock.package.convert.convert`."""
    if not isinstance(model, lightgbm.Booster):
        return sklearn.convert(model, signature)
    draft = Draft(signature, OPSET)
    outputs = _embed(draft, model, signature)
    if _classes(model):
        heads = labels.positions(signature).outputs(draft, None, outputs[1])
    else:
        heads = rows.number_outputs(draft, signature, outputs[0])
    return Converted(draft.finish(heads), "lightgbm.Booster", None)


def reference(model: Any, signature: Signature, sample: Any) -> Answers:
    """The model's own answers; see `interlock.package.convert.reference`."""
    if not isinstance(model, lightgbm.Booster):
        return sklearn.reference(model, signature, rows.numbers(signature, sample))
    predicted = np.asarray(model.predict(rows.matrix(_ordered(model, signature), sample)))
    classes = _classes(model)
    if not classes:
        return rows.number_answers(signature, predicted)
    if classes == 2 and predicted.ndim == 1:
        predicted = np.stack([1 - predicted, predicted], axis=1)
    return labels.positions(signature).answers(predicted.argmax(axis=1), predicted)


def infer_output(model: Any) -> Output:
    """Classes or targets; those of a bare classifying booster are 0, 1, …"""
    if not isinstance(model, lightgbm.Booster):
        return sklearn.infer_output(model)
    classes = _classes(model)
    return Classes(labels=tuple(range(classes))) if classes else rows.number_output(1)


def load(path: Path) -> lightgbm.Booster:
    """Read a booster in LightGBM's own text format."""
    return lightgbm.Booster(model_file=path)


def _embed(draft: Draft, model: lightgbm.Booster, signature: Signature) -> list[str]:
    rows.numbers_only(signature, model)
    piece = rows.matrix_piece(draft, _ordered(model, signature), "float32")
    try:
        graph = onnxmltools.convert_lightgbm(
            model,
            initial_types=[("X", FloatTensorType([None, piece.width]))],
            target_opset=OPSET,
            zipmap=False,
        )
    except (RuntimeError, NotImplementedError, ValueError, KeyError) as error:
        raise ConversionError(f"lightgbm.Booster cannot become ONNX: {error}") from error
    return list(draft.embed(graph, {"X": piece.tensor}).values())


def _ordered(model: lightgbm.Booster, signature: Signature) -> Signature:
    names = model.feature_name()
    made_up = names == [f"Column_{place}" for place in range(len(names))]
    return rows.in_order(signature, None if made_up else names)


def _classes(model: lightgbm.Booster) -> int:
    """How many classes a booster tells apart; 0 for one that predicts a number."""
    described = model.dump_model(num_iteration=1)
    objective = described.get("objective", "").split(" ")[0]
    if objective == "binary":
        return 2
    return int(described["num_class"]) if objective.startswith("multiclass") else 0
