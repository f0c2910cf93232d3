"""The estimators inside an estimator, and copies of them that converters can read."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd


def parts(model: Any) -> Iterator[Any]:
    """`model` and every estimator inside it: steps, transformers, members of an ensemble.

    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> [type(part).__name__ for part in parts(make_pipeline(StandardScaler()))]
    ['Pipeline', 'StandardScaler']
    """
    if isinstance(model, list | tuple):
        for item in model:
            yield from parts(item)
    elif hasattr(model, "get_params") and not isinstance(model, type):
        yield model
        for value in vars(model).values():
            yield from parts(value)


def readable(model: Any) -> Any:
    """A copy of fitted `model` in the terms of a graph.

    In a graph, missing text is the empty string: imputers and encoders that know NaN or None are
    told so. XGBoost models forget the names of their columns, which their converter cannot read.
    """
    model = copy.deepcopy(model)
    for part in parts(model):
        if hasattr(part, "statistics_") and part.statistics_.dtype == object:
            part.missing_values = ""
        if isinstance(getattr(part, "categories_", None), list):
            part.categories_ = [_with_empty_string(values) for values in part.categories_]
        if hasattr(part, "get_booster"):
            part.get_booster().feature_names = None
            # The two differ only in what a bare booster's predict answers.
            part.objective = str(part.objective).replace("multi:softmax", "multi:softprob")
    return model


def _with_empty_string(values: Any) -> Any:
    if not isinstance(values, np.ndarray) or values.dtype != object:
        return values
    return np.where(pd.isna(values), "", values).astype(object)
