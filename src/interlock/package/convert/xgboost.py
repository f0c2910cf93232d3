"""XGBoost: all of it goes the way of scikit-learn's estimators, bare boosters in their clothes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import xgboost

from interlock.package.convert import rows, sklearn
from interlock.package.convert.converted import Answers, Converted
from interlock.signature.schema import Output, Signature

_CLASSIFYING = ("binary:logistic", "multi:softprob", "multi:softmax")


def convert(model: Any, signature: Signature) -> Converted:
    """The model as one graph; see `interlock.package.convert.convert`."""
    converted = sklearn.convert(_estimator(model), signature)
    return converted._replace(source=rows.public_name(type(model)))


def reference(model: Any, signature: Signature, sample: Any) -> Answers:
    """The model's own answers; see `interlock.package.convert.reference`."""
    return sklearn.reference(_estimator(model), signature, rows.numbers(signature, sample))


def infer_output(model: Any) -> Output:
    """Classes or targets; those of a bare classifying booster are 0, 1, …"""
    model = _estimator(model)
    if isinstance(model, xgboost.XGBRegressor):
        return rows.number_output(_targets(model.get_booster()))
    return sklearn.infer_output(model)


def load(path: Path) -> Any:
    """Read a model in XGBoost's own formats: an estimator where it was one, else a booster."""
    booster = xgboost.Booster(model_file=path)
    return _dressed(booster) if booster.attr("scikit_learn") else booster


def _estimator(model: Any) -> Any:
    """A booster as the estimator that it would be; an estimator as it is."""
    if not isinstance(model, xgboost.Booster):
        return model
    booster = model.copy()
    # An estimator would stop at the best iteration; a booster by itself uses all its trees.
    booster.set_attr(best_iteration=None, best_score=None)
    return _dressed(booster)


def _dressed(booster: xgboost.Booster) -> Any:
    learner = json.loads(booster.save_config())["learner"]
    classifies = learner["objective"]["name"] in _CLASSIFYING
    estimator = xgboost.XGBClassifier() if classifies else xgboost.XGBRegressor()
    estimator.load_model(booster.save_raw("ubj"))
    return estimator


def _targets(booster: xgboost.Booster) -> int:
    learner = json.loads(booster.save_config())["learner"]
    return int(learner["learner_model_param"].get("num_target", 1))
