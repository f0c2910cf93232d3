"""scikit-learn models, fitted for real, against their graphs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.cluster import KMeans
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import (
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GridSearchCV,
    TunedThresholdClassifierCV,
)
from sklearn.multioutput import MultiOutputClassifier, MultiOutputRegressor
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    StandardScaler,
)
from sklearn.svm import SVC, LinearSVC
from sklearn.tree import DecisionTreeClassifier

from interlock.errors import ConversionError, ParityError
from interlock.package import parity
from interlock.package.convert import convert, infer_output, reference
from interlock.package.manifest import Parity
from interlock.signature.infer import feeds
from interlock.signature.schema import (
    Classes,
    Number,
    Signature,
    Tensor,
    Text,
    Value,
    Vector,
)
from tests.package.convert.conftest import Proof, describe

Array = np.ndarray[Any, Any]


def preparation() -> Any:
    """Scaling for numbers, one-hot for words and grades, the rest as it is."""
    return make_column_transformer(
        (StandardScaler(), ["age", "fee"]),
        (OneHotEncoder(handle_unknown="ignore"), ["plan", "region", "grade"]),
        remainder="passthrough",
    )


def chances(signature: Signature, converted: Any, rows: Any) -> Array:
    return parity.answers(converted.graph, feeds(signature, rows))["probabilities"]


def test_pipeline_with_columns_of_every_type(
    prove: Proof, table: pd.DataFrame, churned: Array
) -> None:
    """Scaling and encoding travel inside the graph, whose inputs are the raw columns."""
    model = make_pipeline(preparation(), LogisticRegression()).fit(table, churned)
    converted = prove(model, table)
    assert [info.name for info in converted.graph.graph.input] == list(table.columns)
    assert [info.name for info in converted.graph.graph.output] == ["label", "probabilities"]
    assert converted.source == "sklearn.pipeline.Pipeline"
    assert converted.preprocessing is not None


def test_category_that_training_never_saw(
    prove: Proof, table: pd.DataFrame, churned: Array
) -> None:
    """An encoder that ignores unknown values does so in the graph too."""
    model = make_pipeline(preparation(), LogisticRegression()).fit(table, churned)
    strange = table.assign(plan="platinum")
    prove(model, strange)


def test_missing_numbers_and_words_are_imputed(
    prove: Proof, table: pd.DataFrame, churned: Array
) -> None:
    """NaN in numbers and None in words reach the imputers as they did in training."""
    table.loc[::5, "fee"] = np.nan
    table.loc[::7, "plan"] = None
    table.loc[::9, "region"] = None
    words = make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder())
    filled = make_pipeline(SimpleImputer(strategy="constant", fill_value="none"), OneHotEncoder())
    table = table.astype({"plan": object, "region": object}).replace({None: np.nan})
    steps = make_column_transformer(
        (make_pipeline(SimpleImputer(strategy="median"), MinMaxScaler()), ["age", "fee"]),
        (words, ["plan"]),
        (filled, ["region"]),
    )
    prove(make_pipeline(steps, LogisticRegression()).fit(table, churned), table)


def test_missing_word_is_a_category_of_its_own(
    prove: Proof, table: pd.DataFrame, churned: Array
) -> None:
    """An encoder that learned NaN as a category meets it again as the empty string."""
    table = table[["plan", "fee"]].copy()
    table.loc[::4] = np.nan
    steps = make_column_transformer((OneHotEncoder(), ["plan"]), (SimpleImputer(), ["fee"]))
    prove(make_pipeline(steps, LogisticRegression()).fit(table, churned), table)


def test_columns_picked_by_type(prove: Proof, table: pd.DataFrame, churned: Array) -> None:
    """A column selector resolved at fit time means the same columns in the graph."""
    steps = make_column_transformer(
        (OneHotEncoder(), make_column_selector(dtype_include=object)),
        (StandardScaler(), make_column_selector(dtype_include=np.number)),
    )
    prove(
        make_pipeline(steps, RandomForestClassifier(10, random_state=0)).fit(table, churned), table
    )


def test_columns_picked_by_place_from_an_array(
    prove: Proof, table: pd.DataFrame, churned: Array
) -> None:
    """A ColumnTransformer fitted on an array of objects knows places instead of names."""
    steps = make_column_transformer((StandardScaler(), [0, 1]), (OneHotEncoder(), [2, 3]))
    model = make_pipeline(steps, LogisticRegression())
    model.fit(table.iloc[:, :4].to_numpy(object), churned)
    prove(model, table.iloc[:, :4])


def test_signature_in_another_order_than_the_training_data(
    prove: Proof, table: pd.DataFrame, churned: Array
) -> None:
    """Columns find their place by name, and ones that the model does not know are ignored."""
    numbers = table[["age", "fee", "grade"]]
    model = LogisticRegression(max_iter=1000).fit(numbers, churned)
    prove(model, table[["grade", "vip", "fee", "age"]])


def test_words_only(prove: Proof, table: pd.DataFrame, churned: Array) -> None:
    """An encoder as first step takes all columns as one matrix of strings."""
    words = table[["plan", "region"]]
    prove(make_pipeline(OneHotEncoder(), LogisticRegression()).fit(words, churned), words)
    model = make_pipeline(OrdinalEncoder(), DecisionTreeClassifier()).fit(words, churned)
    prove(model, words)


def test_free_text() -> None:
    """A text vectorizer needs an operator that is not standard ONNX, and is refused for it."""
    notes = ["pain in chest", "no pain", "short of breath", "well rested"] * 8
    model = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(notes, [1, 0, 1, 0] * 8)
    signature = Signature(inputs=(Text(name="note"),), output=infer_output(model))
    with pytest.raises(ConversionError, match="Tokenizer is not standard ONNX"):
        convert(model, signature, sample=pd.DataFrame({"note": notes}))


@pytest.mark.parametrize(
    "trees",
    [
        DecisionTreeClassifier(random_state=0),
        RandomForestClassifier(30, random_state=0),
        ExtraTreesClassifier(20, random_state=0),
        GradientBoostingClassifier(n_estimators=10, random_state=0),
        HistGradientBoostingClassifier(max_iter=10),
    ],
    ids=lambda model: type(model).__name__,
)
def test_trees_behind_a_scaler(
    prove: Proof, table: pd.DataFrame, churned: Array, trees: Any
) -> None:
    """Whole numbers that land on a threshold after scaling fall on the same side in the graph."""
    steps = make_column_transformer(
        (make_pipeline(SimpleImputer(), StandardScaler()), ["age", "fee", "grade"]),
        (OneHotEncoder(sparse_output=False), ["plan"]),
    )
    table = table[["age", "fee", "grade", "plan"]]
    prove(make_pipeline(steps, trees).fit(table, churned), table)


@pytest.mark.parametrize(
    "model",
    [
        LogisticRegression(),
        make_pipeline(StandardScaler(), SVC()),
        RandomForestClassifier(20, random_state=0),
        GradientBoostingClassifier(n_estimators=10, random_state=0),
        make_pipeline(StandardScaler(), MLPClassifier((8,), max_iter=2000, random_state=0)),
        GridSearchCV(make_pipeline(StandardScaler(), LogisticRegression()), {}, cv=2),
        CalibratedClassifierCV(LinearSVC(), cv=2),
    ],
    ids=lambda model: type(model[-1] if isinstance(model, Pipeline) else model).__name__,
)
def test_classifier_of_signals_in_three_kinds(
    prove: Proof, beats: Array, kinds: Array, model: Any
) -> None:
    """Classifiers of a plain array take one tensor and name their kinds."""
    model.fit(beats, kinds)
    if not hasattr(model, "predict_proba"):
        with pytest.raises(ConversionError, match="CalibratedClassifierCV"):
            infer_output(model)
        return
    converted = prove(model, beats)
    assert infer_output(model) == Classes(labels=("apex", "base", "core"))
    assert [info.name for info in converted.graph.graph.input] == ["input"]


def test_two_classes_that_are_numbers(prove: Proof, beats: Array) -> None:
    """Integer and boolean classes are int64 labels in the graph."""
    for truth in (beats[:, 0] > 0, (beats[:, 0] > 0).astype(int) + 3):
        model = LogisticRegression().fit(beats, truth)
        prove(model, beats)


def test_numbers_that_the_signature_names(prove: Proof, beats: Array, kinds: Array) -> None:
    """Classes 0, 1, 2 take the signature's names by position."""
    numbers = np.unique(kinds, return_inverse=True)[1]
    model = LogisticRegression().fit(beats, numbers)
    signature = describe(beats, Classes(labels=("normal", "early", "late")))
    prove(model, beats, signature)
    expected = np.array(["normal", "early", "late"])[model.predict(beats)]
    assert (reference(model, signature, beats)["label"] == expected).all()


def test_labels_in_another_order_than_the_classes(prove: Proof, beats: Array, kinds: Array) -> None:
    """Probabilities come in the signature's order, whatever order the model has."""
    model = LogisticRegression().fit(beats, kinds)
    signature = describe(beats, Classes(labels=("core", "apex", "base")))
    converted = prove(model, beats, signature)
    own = model.predict_proba(beats)[:, [2, 0, 1]]
    assert np.allclose(chances(signature, converted, beats), own, atol=1e-5)


def test_labels_that_are_not_the_classes(beats: Array, kinds: Array) -> None:
    """Labels that neither match nor can be positions are refused, and both sets are shown."""
    model = LogisticRegression().fit(beats, kinds)
    signature = describe(beats, Classes(labels=("x", "y", "z")))
    with pytest.raises(ConversionError, match=r"\['apex', 'base', 'core'\].*\['x', 'y', 'z'\]"):
        convert(model, signature, sample=beats)


@pytest.mark.parametrize("wrap", [lambda m: m, lambda m: make_pipeline(StandardScaler(), m)])
def test_threshold_that_is_not_one_half(prove: Proof, beats: Array, wrap: Any) -> None:
    """The label follows the threshold, also where another class is likelier."""
    truth = np.where(beats[:, 0] + beats[:, 1] > 0, "ill", "well")
    rule = FixedThresholdClassifier(
        LogisticRegression(), threshold=0.15, pos_label="ill", response_method="predict_proba"
    )
    model = wrap(rule).fit(beats, truth)
    signature = describe(beats, infer_output(model))
    got = parity.answers(prove(model, beats).graph, feeds(signature, beats))
    likeliest = np.array(["ill", "well"])[got["probabilities"].argmax(axis=1)]
    assert (got["label"] != likeliest).sum() > 5


def test_threshold_that_was_tuned(prove: Proof, beats: Array) -> None:
    """A tuned threshold is taken over with its positive label."""
    truth = (beats[:, 0] > 1).astype(int)
    model = TunedThresholdClassifierCV(
        LogisticRegression(C=0.01), scoring="f1", cv=3, response_method="predict_proba"
    )
    prove(model.fit(beats, truth), beats)


def test_threshold_on_the_decision_function(beats: Array) -> None:
    """A threshold that the graph cannot reproduce is refused, with the way out."""
    rule = FixedThresholdClassifier(
        LogisticRegression(), threshold=0.5, response_method="decision_function"
    )
    model = rule.fit(beats, (beats[:, 0] > 0).astype(int))
    with pytest.raises(ConversionError, match="predict_proba"):
        convert(model, describe(beats, infer_output(model)), sample=beats)


@pytest.mark.parametrize(
    "model",
    [LinearRegression(), HistGradientBoostingRegressor(max_iter=10), RandomForestRegressor(10)],
    ids=lambda model: type(model).__name__,
)
def test_regressor(prove: Proof, beats: Array, model: Any) -> None:
    """A regressor answers one number a row, rank one."""
    converted = prove(model.fit(beats, 1000 * beats[:, 0] + beats[:, 1]), beats)
    assert infer_output(model) == Value()
    assert len(converted.graph.graph.output[0].type.tensor_type.shape.dim) == 1


@pytest.mark.parametrize(
    "model",
    [
        LinearRegression(),
        make_pipeline(StandardScaler(), Ridge()),
        RandomForestRegressor(10, random_state=0),
        MultiOutputRegressor(HistGradientBoostingRegressor(max_iter=5)),
    ],
    ids=lambda model: type(model).__name__,
)
def test_regressor_with_several_targets(prove: Proof, beats: Array, model: Any) -> None:
    """Several targets are one vector, whose steps are numbered from one."""
    model.fit(beats, beats[:, :3] * [1, 10, 100])
    assert infer_output(model) == Vector(steps=("1", "2", "3"))
    prove(model, beats)


def test_numbers_too_fine_for_float32(beats: Array) -> None:
    """Parity says when float32 changes labels, and float64 columns put it right."""
    large = pd.DataFrame({"stamp": 1e9 + np.arange(200.0)})
    model = DecisionTreeClassifier(random_state=0)
    scaled = make_pipeline(StandardScaler(), model).fit(large, np.arange(200) % 2)
    coarse = describe(large, infer_output(scaled))
    fine = Signature(inputs=(Number(name="stamp", dtype="float64"),), output=coarse.output)
    with pytest.raises(ParityError, match="float64"):
        _check(scaled, coarse, large)
    assert _check(scaled, fine, large).labels_changed == 0


def _check(model: Any, signature: Signature, sample: Any) -> Parity:
    converted = convert(model, signature, sample=sample)
    expected = reference(model, signature, sample)
    return parity.check(converted.graph, feeds(signature, sample), expected)


def test_words_for_a_model_of_numbers(table: pd.DataFrame, churned: Array) -> None:
    """Text columns without an encoder are refused by name, with the way out."""
    model = LogisticRegression().fit(table[["age", "fee"]].to_numpy(), churned)
    signature = describe(table[["age", "plan"]], infer_output(model))
    with pytest.raises(ConversionError, match=r"plan is text.*Pipeline"):
        convert(model, signature, sample=table)


def test_column_that_the_signature_lacks(table: pd.DataFrame, churned: Array) -> None:
    """A model fitted on more columns than the signature has says which one is absent."""
    model = LogisticRegression(max_iter=1000).fit(table[["age", "fee"]], churned)
    signature = describe(table[["age"]], infer_output(model))
    with pytest.raises(ConversionError, match="fitted on fee, which the signature lacks"):
        convert(model, signature, sample=table)


def test_step_without_a_converter(beats: Array, kinds: Array) -> None:
    """A function of the user's own cannot become ONNX, and the error says so."""
    model = make_pipeline(FunctionTransformer(np.abs), LogisticRegression()).fit(beats, kinds)
    with pytest.raises(ConversionError, match="cannot become ONNX"):
        convert(model, describe(beats, infer_output(model)), sample=beats)


def test_models_that_answer_nothing_we_can_serve(beats: Array, kinds: Array) -> None:
    """Clusterers, several labels a row and unfitted models each have their own sentence."""
    with pytest.raises(ConversionError, match="neither a classifier nor a regressor"):
        infer_output(KMeans(2, n_init=1).fit(beats))
    several = MultiOutputClassifier(LogisticRegression()).fit(beats, np.c_[kinds, kinds])
    with pytest.raises(ConversionError, match="several labels"):
        infer_output(several)
    with pytest.raises(ConversionError, match="not fitted"):
        infer_output(LogisticRegression())


def test_output_of_the_other_kind(beats: Array, kinds: Array) -> None:
    """A classifier cannot answer a number, nor a regressor labels."""
    with pytest.raises(ConversionError, match="must be Classes, not Value"):
        convert(LogisticRegression().fit(beats, kinds), describe(beats, Value()), sample=beats)
    labels = describe(beats, Classes(labels=("a", "b")))
    with pytest.raises(ConversionError, match="must be Value or Vector"):
        convert(LinearRegression().fit(beats, beats[:, 0]), labels, sample=beats)


def test_frame_served_as_one_tensor(prove: Proof, beats: Array, kinds: Array) -> None:
    """A model fitted on a DataFrame of numbers can be served as a tensor."""
    frame = pd.DataFrame(beats).add_prefix("t")
    model = LogisticRegression().fit(frame, kinds)
    signature = Signature(inputs=(Tensor(name="beat", shape=(8,)),), output=infer_output(model))
    prove(model, beats, signature)


def test_model_that_is_not_touched(table: pd.DataFrame, churned: Array) -> None:
    """Converting works on a copy: the model answers the same afterwards, missing words included."""
    table["plan"] = table["plan"].where(table.index % 4 > 0, np.nan)
    model = make_pipeline(
        make_column_transformer((OneHotEncoder(), ["plan"])), LogisticRegression()
    ).fit(table, churned)
    before = model.predict_proba(table)
    convert(model, describe(table, infer_output(model)), sample=table)
    assert (model.predict_proba(table) == before).all()
