"""LightGBM estimators and boosters against their graphs."""

from __future__ import annotations

from typing import Any

import lightgbm as lgb
import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from interlock.errors import ConversionError
from interlock.package.convert import convert, infer_output, reference
from interlock.signature.schema import Classes, Value
from tests.package.convert.conftest import Proof, describe

Array = np.ndarray[Any, Any]
SMALL: dict[str, Any] = {"n_estimators": 12, "num_leaves": 7, "verbose": -1}


def test_classifier_of_three_kinds(prove: Proof, beats: Array, kinds: Array) -> None:
    """An estimator keeps its named classes."""
    model = lgb.LGBMClassifier(**SMALL).fit(beats, kinds)
    assert prove(model, beats).source == "lightgbm.sklearn.LGBMClassifier"
    assert infer_output(model) == Classes(labels=("apex", "base", "core"))


def test_columns_with_missing_numbers(prove: Proof, table: pd.DataFrame, churned: Array) -> None:
    """Missing numbers take the branch that they took in training; columns go by name."""
    table = table[["age", "fee", "vip"]].rename(columns={"fee": "monthly fee"})
    table.loc[::3, "monthly fee"] = np.nan
    model = lgb.LGBMClassifier(**SMALL).fit(table, churned)
    prove(model, table[["vip", "monthly fee", "age"]])


def test_regressor(prove: Proof, beats: Array) -> None:
    """An estimator of large numbers agrees relative to their size."""
    model = lgb.LGBMRegressor(**SMALL).fit(beats, 1e5 * beats[:, 0])
    prove(model, beats)
    assert infer_output(model) == Value()


@pytest.mark.parametrize(("objective", "classes"), [("binary", 2), ("multiclass", 3)])
def test_classifying_booster(
    prove: Proof, beats: Array, kinds: Array, objective: str, classes: int
) -> None:
    """A bare booster numbers its classes, and takes the signature's names for them."""
    truth = np.unique(kinds, return_inverse=True)[1] % classes
    settings = {"objective": objective, "verbose": -1, "num_class": 1 if classes == 2 else 3}
    model = lgb.train(settings, lgb.Dataset(beats, truth), 12)
    assert infer_output(model) == Classes(labels=tuple(range(classes)))
    named = Classes(labels=("normal", "early", "late")[:classes])
    assert prove(model, beats, describe(beats, named)).source == "lightgbm.Booster"


def test_booster_of_numbers(prove: Proof, table: pd.DataFrame) -> None:
    """A bare regressing booster finds its columns by name."""
    numbers = table[["age", "fee"]]
    model = lgb.train({"verbose": -1}, lgb.Dataset(numbers, table.fee * table.age), 12)
    assert infer_output(model) == Value()
    prove(model, numbers[["fee", "age"]])


def test_last_step_of_a_pipeline(prove: Proof, table: pd.DataFrame, churned: Array) -> None:
    """Encoders in front of the estimator come with it."""
    steps = make_column_transformer(
        (OneHotEncoder(sparse_output=False), ["plan"]), (StandardScaler(), ["age", "fee"])
    ).set_output(transform="pandas")
    model = make_pipeline(steps, lgb.LGBMClassifier(**SMALL)).fit(table, churned)
    prove(model, table)


def test_early_stopping(prove: Proof, beats: Array, kinds: Array) -> None:
    """Trees after the best iteration count neither in the model nor in the graph."""
    truth = (kinds == "apex").astype(int)
    train = lgb.Dataset(beats[:120], truth[:120])
    held = lgb.Dataset(beats[120:], truth[120:], reference=train)
    settings = {"objective": "binary", "learning_rate": 0.5, "verbose": -1}
    stop = lgb.early_stopping(3, verbose=False)
    model = lgb.train(settings, train, 200, valid_sets=[held], callbacks=[stop])
    assert model.best_iteration < 200
    prove(model, beats)


def test_category_columns(table: pd.DataFrame, churned: Array) -> None:
    """Categories that only LightGBM itself knows are refused, with the way out."""
    table["plan"] = table["plan"].astype("category")
    model = lgb.LGBMClassifier(**SMALL).fit(table[["plan", "fee"]], churned)
    signature = describe(table[["plan", "fee"]], infer_output(model))
    with pytest.raises(ConversionError, match="plan is text; put an encoder"):
        convert(model, signature, sample=table)


def test_objective_without_a_converter(beats: Array) -> None:
    """An objective that the converter does not know is named in the error."""
    data = lgb.Dataset(beats, (beats[:, 0] > 0).astype(float))
    model = lgb.train({"objective": "cross_entropy", "verbose": -1}, data, 3)
    signature = describe(beats, Value())
    assert reference(model, signature, beats)["value"].shape == (len(beats),)
    with pytest.raises(ConversionError, match="cross_entropy"):
        convert(model, signature, sample=beats)
