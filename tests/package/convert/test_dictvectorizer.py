"""Models that take dicts, as machine-learning courses build them."""

from __future__ import annotations

from typing import Any

import lightgbm as lgb
import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction import DictVectorizer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import MaxAbsScaler

from interlock.errors import ConversionError
from interlock.package.convert import convert, infer_output
from interlock.signature.schema import Value
from tests.package.convert.conftest import Proof, describe

Array = np.ndarray[Any, Any]


def dicts(table: pd.DataFrame) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = table.to_dict("records")
    return found


def test_dicts_of_strings_numbers_and_booleans(
    prove: Proof, table: pd.DataFrame, churned: Array
) -> None:
    """The graph takes columns where the model takes dicts, given as records or as a DataFrame."""
    model = make_pipeline(DictVectorizer(), LogisticRegression(max_iter=5000))
    model.fit(dicts(table), churned)
    assert prove(model, dicts(table)).preprocessing is not None
    prove(model, table)


def test_value_that_training_never_saw(prove: Proof, table: pd.DataFrame, churned: Array) -> None:
    """An unknown value, or none at all, is all zeros."""
    model = make_pipeline(DictVectorizer(), LogisticRegression(max_iter=5000))
    model.fit(dicts(table), churned)
    strange = table.copy()
    strange.loc[::2, "plan"] = "platinum"
    strange.loc[1::4, "plan"] = None
    prove(model, dicts(strange))


@pytest.mark.parametrize("kind", [list, tuple])
def test_pair(prove: Proof, table: pd.DataFrame, churned: Array, kind: type) -> None:
    """A vectorizer and an estimator saved side by side are one model, either way round."""
    vectorizer = DictVectorizer(sparse=False)
    model = LogisticRegression(max_iter=5000).fit(vectorizer.fit_transform(dicts(table)), churned)
    prove(kind([vectorizer, model]), dicts(table))
    prove(kind([model, vectorizer]), dicts(table))


def test_pair_of_other_things(table: pd.DataFrame) -> None:
    """A list of something else is refused with what it holds."""
    with pytest.raises(ConversionError, match=r"list of \(LogisticRegression\) is not a model"):
        convert([LogisticRegression()], describe(table, Value()), sample=table)


@pytest.mark.parametrize(
    "steps",
    [
        [RandomForestClassifier(20, random_state=0)],
        [MaxAbsScaler(), RandomForestClassifier(20, random_state=0)],
        [MaxAbsScaler(), LogisticRegression()],
        [lgb.LGBMClassifier(n_estimators=8, verbose=-1)],
    ],
    ids=["forest", "scaled forest", "scaled regression", "lightgbm"],
)
def test_steps_after_the_vectorizer(
    prove: Proof, table: pd.DataFrame, churned: Array, steps: list[Any]
) -> None:
    """Whatever follows the vectorizer follows it in the graph."""
    model = make_pipeline(DictVectorizer(sparse=False), *steps).fit(dicts(table), churned)
    prove(model, dicts(table))


def test_order_in_which_fields_were_met(prove: Proof, table: pd.DataFrame) -> None:
    """An unsorted vocabulary, another separator and fields whose names begin alike keep apart."""
    table = table.rename(columns={"plan": "a", "region": "ab", "grade": "a_b"})
    vectorizer = DictVectorizer(sort=False, separator="_")
    model = Pipeline([("v", vectorizer), ("m", LinearRegression())])
    prove(model.fit(dicts(table), table.fee * 3 + table.a_b), dicts(table))


def test_field_that_the_signature_lacks(table: pd.DataFrame, churned: Array) -> None:
    """Fields that the vectorizer was fitted on must all be there, and of the same type."""
    model = make_pipeline(DictVectorizer(), LogisticRegression(max_iter=5000))
    model.fit(dicts(table), churned)
    without = describe(table.drop(columns="plan"), infer_output(model))
    with pytest.raises(ConversionError, match="plan=basic, plan=plus, plan=pro"):
        convert(model, without, sample=table)


def test_field_that_the_vectorizer_never_saw(
    prove: Proof, table: pd.DataFrame, churned: Array
) -> None:
    """Fields beyond the vectorizer's are ignored, as it ignores them."""
    model = make_pipeline(DictVectorizer(), LogisticRegression(max_iter=5000))
    model.fit(dicts(table[["plan", "fee"]]), churned)
    converted = prove(model, dicts(table))
    assert len(converted.graph.graph.input) == 6
