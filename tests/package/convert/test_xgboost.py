"""XGBoost estimators and boosters against their graphs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import xgboost as xgb
from sklearn.compose import make_column_transformer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from interlock.errors import ConversionError
from interlock.package.convert import convert, infer_output, reference
from interlock.signature.schema import Classes, Value, Vector
from tests.package.convert.conftest import Proof, describe

Array = np.ndarray[Any, Any]


def numbered(kinds: Array) -> Array:
    """The kinds as 0, 1, 2."""
    return np.unique(kinds, return_inverse=True)[1]


def test_classifier_with_label_names(prove: Proof, beats: Array, kinds: Array) -> None:
    """XGBoost knows only numbers; the signature names them."""
    model = xgb.XGBClassifier(n_estimators=8).fit(beats, numbered(kinds))
    assert infer_output(model) == Classes(labels=(0, 1, 2))
    signature = describe(beats, Classes(labels=("apex", "base", "core")))
    assert prove(model, beats, signature).source == "xgboost.sklearn.XGBClassifier"
    assert set(reference(model, signature, beats)["label"]) == {"apex", "base", "core"}


def test_columns_with_missing_numbers(prove: Proof, table: pd.DataFrame, churned: Array) -> None:
    """Column names of the training data are no obstacle, nor are missing numbers."""
    numbers = table[["age", "fee", "vip"]].astype(float)
    numbers.loc[::3, "fee"] = np.nan
    model = xgb.XGBClassifier(n_estimators=8).fit(numbers, churned == "left")
    prove(model, numbers[["fee", "vip", "age"]])
    assert model.get_booster().feature_names == ["age", "fee", "vip"]


def test_regressor(prove: Proof, beats: Array) -> None:
    """One number a row."""
    model = xgb.XGBRegressor(n_estimators=8).fit(beats, 1000 * beats[:, 0])
    assert infer_output(model) == Value()
    prove(model, beats)


def test_regressor_with_several_targets(prove: Proof, beats: Array) -> None:
    """Trees of several targets each add to their own."""
    model = xgb.XGBRegressor(n_estimators=8).fit(beats, beats[:, :3] * [1, -20, 300])
    assert infer_output(model) == Vector(steps=("1", "2", "3"))
    prove(model, beats)


@pytest.mark.parametrize(
    ("objective", "classes"), [("binary:logistic", 2), ("multi:softprob", 3), ("multi:softmax", 3)]
)
def test_classifying_booster(
    prove: Proof, beats: Array, kinds: Array, objective: str, classes: int
) -> None:
    """A bare booster answers as its own predict does."""
    settings = {"objective": objective, **({"num_class": 3} if classes == 3 else {})}
    model = xgb.train(settings, xgb.DMatrix(beats, numbered(kinds) % classes), 8)
    assert infer_output(model) == Classes(labels=tuple(range(classes)))
    assert prove(model, beats).source == "xgboost.core.Booster"
    raw = model.predict(xgb.DMatrix(beats))
    own = reference(model, describe(beats, infer_output(model)), beats)
    if objective == "binary:logistic":
        assert np.allclose(own["probabilities"][:, 1], raw)
    if objective == "multi:softmax":
        assert (own["label"] == raw).all()


def test_booster_that_stopped_early(prove: Proof, beats: Array) -> None:
    """A booster by itself uses all its trees, so the graph does too; an estimator does not."""
    target = beats[:, 0] + np.random.default_rng(0).normal(size=len(beats))
    train, test = xgb.DMatrix(beats[:120], target[:120]), xgb.DMatrix(beats[120:], target[120:])
    model = xgb.train(
        {}, train, 60, evals=[(test, "test")], early_stopping_rounds=5, verbose_eval=False
    )
    own = reference(model, describe(beats, Value()), beats)["value"]
    assert np.allclose(own, model.predict(xgb.DMatrix(beats)), atol=1e-5)
    prove(model, beats)
    estimator = xgb.XGBRegressor(n_estimators=60, early_stopping_rounds=5)
    held = [(beats[120:], target[120:])]
    prove(estimator.fit(beats[:120], target[:120], eval_set=held, verbose=False), beats)


def test_last_step_of_a_pipeline(prove: Proof, table: pd.DataFrame, churned: Array) -> None:
    """Scaled whole numbers meet thresholds that are values themselves, and fall the same way."""
    steps = make_column_transformer(
        (OneHotEncoder(sparse_output=False), ["plan"]),
        (StandardScaler(), ["age", "fee", "grade"]),
    ).set_output(transform="pandas")
    model = make_pipeline(steps, xgb.XGBClassifier(n_estimators=8)).fit(table, churned == "left")
    prove(model, table, describe(table, Classes(labels=("stays", "leaves"))))


def test_words_without_an_encoder(table: pd.DataFrame, churned: Array) -> None:
    """Text columns are refused by name."""
    model = xgb.XGBClassifier(n_estimators=2).fit(
        table[["age", "fee"]].to_numpy(), churned == "left"
    )
    signature = describe(table[["age", "plan"]], infer_output(model))
    with pytest.raises(ConversionError, match="XGBClassifier takes numbers only, but plan is text"):
        convert(model, signature, sample=table)


def test_ranker(beats: Array) -> None:
    """A ranker is neither a classifier nor a regressor."""
    model = xgb.XGBRanker(n_estimators=2).fit(
        beats, np.arange(len(beats)) % 3, qid=np.repeat([0, 1], len(beats) // 2)
    )
    with pytest.raises(ConversionError, match="neither a classifier nor a regressor"):
        infer_output(model)
