"""The recipe of a model's preprocessing: kinds of steps and settings, nothing learned from data."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.pipeline import Pipeline

from interlock.package.graph import digest


def preprocessing(model: Any) -> str | None:
    """``sha256:…`` of the recipe of all steps before the last; None where there are none."""
    model = getattr(model, "best_estimator_", getattr(model, "estimator_", model))
    if not isinstance(model, Pipeline) or len(model.steps) < 2:
        return None
    return digest([recipe(step) for _, step in model.steps[:-1]])


def recipe(value: Any) -> Any:
    """`value` as JSON: an estimator as its class and settings, a function as its name.

    >>> from sklearn.preprocessing import Binarizer
    >>> recipe(Binarizer(threshold=2.0))["settings"]
    {'copy': True, 'threshold': 2.0}
    """
    if isinstance(value, str | int | float | bool | None):
        return value
    if isinstance(value, list | tuple):
        return [recipe(item) for item in value]
    if isinstance(value, dict):
        return {str(key): recipe(item) for key, item in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    kind = value if isinstance(value, type) or callable(value) else type(value)
    name = f"{getattr(kind, '__module__', '')}.{getattr(kind, '__qualname__', type(kind).__name__)}"
    if hasattr(value, "get_params") and not isinstance(value, type):
        return {"kind": name, "settings": recipe(value.get_params(deep=False))}
    return name
