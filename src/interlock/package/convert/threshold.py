"""Classifiers with a decision threshold of their own, whose label is not the likeliest class."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from sklearn.model_selection import FixedThresholdClassifier, TunedThresholdClassifierCV
from sklearn.pipeline import Pipeline

from interlock.errors import ConversionError
from interlock.package.convert.labels import plain
from interlock.package.graph import Draft


class Threshold(NamedTuple):
    """The class in column `positive` is the label when its probability is at least `value`."""

    positive: int
    value: float

    def label(self, draft: Draft, classes: Any, probabilities: str) -> str:
        """Nodes that work out the label from the probabilities of the two `classes`."""
        column = draft.constant(np.array([self.positive], np.int64))
        chance = draft.cast(draft.add("Gather", probabilities, column, axis=1), "float32")
        known = plain(classes)
        values = np.array(known, object if isinstance(known[0], str) else np.int64)
        limit = draft.constant(np.array([self.value], np.float32))
        return draft.add(
            "Where",
            draft.add("GreaterOrEqual", chance, limit),
            draft.constant(values[[self.positive]]),
            draft.constant(values[[1 - self.positive]]),
        )


def split(model: Any) -> tuple[Any, Threshold | None]:
    """The classifier that computes, and the threshold around it if there is one.

    skl2onnx converts the classifier inside and forgets the threshold, so the two are taken apart.

    Raises
    ------
    ConversionError
        When the threshold is on the decision function instead of the probability.
    """
    last = model[-1] if isinstance(model, Pipeline) else model
    if not isinstance(last, FixedThresholdClassifier | TunedThresholdClassifierCV):
        return model, None
    if last.response_method == "decision_function":
        raise ConversionError(
            f"{type(last).__name__} decides by decision_function, which the graph does not have; "
            'use response_method="predict_proba"'
        )
    if isinstance(model, Pipeline):
        return Pipeline([*model.steps[:-1], ("model", last.estimator_)]), _threshold(last)
    return last.estimator_, _threshold(last)


def _threshold(model: Any) -> Threshold:
    if isinstance(model, TunedThresholdClassifierCV):
        value = model.best_threshold_
        # The tuned kind has no such setting: it keeps its positive label with what it tuned on.
        positive = model._curve_scorer._get_pos_label()  # noqa: SLF001
    else:
        value, positive = model.threshold, model.pos_label
    classes = list(model.classes_)
    return Threshold(
        positive=1 if positive is None else classes.index(positive),
        value=0.5 if value == "auto" else float(value),
    )
