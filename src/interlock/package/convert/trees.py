"""Where trees need care: they compare, so the last bit of a number can decide.

A tree splits half-way between two values of its training data. With whole numbers that is often a
third value, so after scaling, which side a row falls on hangs on how the scaler rounds.
scikit-learn scales in float64 and rounds to float32 for the trees; the graph must do exactly that.
"""

from __future__ import annotations

from typing import Any

from sklearn.pipeline import Pipeline

from interlock.package.convert.parts import parts
from interlock.package.convert.rows import precision
from interlock.signature.schema import Signature

_HOMES = (
    "sklearn.tree.",
    "sklearn.ensemble._forest",
    "sklearn.ensemble._gb",
    "sklearn.ensemble._hist_gradient_boosting.",
    "xgboost.",
    "lightgbm.",
)


def apart(model: Any) -> bool:
    """Whether `model` is steps before trees, to be computed in float64 apart from them."""
    return isinstance(model, Pipeline) and len(model.steps) > 1 and _compares(model[-1])


def entry(model: Any, signature: Signature) -> str:
    """Type that numbers enter `model` in.

    Steps before trees take float64; trees by themselves float32, which is what scikit-learn's and
    XGBoost's compute in however precise the signature; all else the signature's own precision.
    """
    if apart(model):
        return "float64"
    return "float32" if _compares(model) else precision(signature)


def _compares(model: Any) -> bool:
    last = model[-1] if isinstance(model, Pipeline) else model
    return any(type(part).__module__.startswith(_HOMES) for part in parts(last))
