"""Offline answers of a real package, and the trivial answer beside them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression

from interlock import package
from interlock.data.baseline import trivial
from interlock.data.rows import Rows
from interlock.data.score import answers, naive_error, scored
from interlock.errors import EvidenceError
from interlock.evidence.catalogue import metric
from interlock.signature.schema import Classes, Value, Vector

RANDOM = np.random.default_rng(0)
FRAME = pd.DataFrame({"x": RANDOM.normal(size=300), "y": RANDOM.normal(size=300)})


def rows(truth: np.ndarray) -> Rows:
    """The frame with this truth."""
    return Rows(features=FRAME, truth=truth, index=np.arange(len(truth)))


@pytest.fixture(scope="module")
def judged() -> Rows:
    """Rows with a label that depends on both columns."""
    return rows(np.where(FRAME["x"] + FRAME["y"] > 0, "up", "down").astype(object))


@pytest.fixture(scope="module")
def classifier(judged: Rows, tmp_path_factory: pytest.TempPathFactory) -> package.Package:
    """A package that tells them apart."""
    model = LogisticRegression().fit(FRAME, judged.truth)
    out = tmp_path_factory.mktemp("packages") / "m"
    return package.build(model, name="m", sample=FRAME, out=out)


def test_answers_are_those_of_the_model(classifier: package.Package, judged: Rows) -> None:
    """Labels and probabilities stand beside the truth, in the signature's order."""
    found = scored(classifier, judged)
    model = LogisticRegression().fit(FRAME, judged.truth)
    assert found.labels == ("down", "up")
    assert found.predicted is not None
    assert found.predicted.tolist() == model.predict(FRAME).tolist()
    assert found.probabilities == pytest.approx(model.predict_proba(FRAME), abs=1e-5)
    assert metric("accuracy").of(found) > 0.95


def test_batches_give_every_row_once(classifier: package.Package, judged: Rows) -> None:
    """One by one, in sevens or at once: the same labels, in the same order."""
    one, seven, all_at_once = (answers(classifier, judged, batch=batch) for batch in (1, 7, 1000))
    assert len(one["label"]) == len(judged)
    assert one["label"].tolist() == seven["label"].tolist() == all_at_once["label"].tolist()
    assert one["probabilities"] == pytest.approx(all_at_once["probabilities"], abs=1e-6)


def test_whole_number_labels_that_came_as_floats_are_labels(tmp_path: Path) -> None:
    """A file with a gap in another row reads 0 and 1 as 0.0 and 1.0."""
    truth = (FRAME["x"] > 0).astype(int).to_numpy()
    model = LogisticRegression().fit(FRAME, truth)
    built = package.build(model, name="m", sample=FRAME, out=tmp_path / "m")
    assert metric("accuracy").of(scored(built, rows(truth.astype(float)))) > 0.9


def test_a_number_has_its_scale(tmp_path: Path) -> None:
    """A regression is scored by its value; MASE has what it divides by."""
    truth = (FRAME["x"] * 2).to_numpy()
    built = package.build(
        LinearRegression().fit(FRAME, truth), name="m", sample=FRAME, out=tmp_path / "m"
    )
    found = scored(built, rows(truth), scale=naive_error(rows(truth)))
    assert metric("mae").of(found) < 1e-5
    assert metric("mase").of(found) < 1e-5


def test_naive_error_goes_by_time() -> None:
    """It answers what was seen before, in order of time; never wrong means no scale."""
    truth = np.array([1.0, 4.0, 2.0])
    facts = {"features": FRAME[:3], "truth": truth, "index": np.arange(3)}
    assert naive_error(Rows(**facts)) == pytest.approx(2.5)
    assert naive_error(Rows(**facts, time=np.array([0, 2, 1]))) == pytest.approx(1.5)
    assert naive_error(Rows(**facts | {"truth": np.ones(3)})) is None
    assert naive_error(Rows(**facts | {"truth": np.array(["a", "b", "a"])})) is None
    forecasts = np.array([[1.0, 2.0], [5.0, 8.0], [0.0, 0.0]])
    assert naive_error(Rows(**facts | {"truth": forecasts})) == pytest.approx(4 / 3)


def test_trivial_label_is_the_most_frequent_one_of_training(judged: Rows) -> None:
    """It answers the same to every row, with the shares of training as probabilities."""
    some = judged.take(np.argsort(judged.truth)[50:])
    found = trivial(some, judged, Classes(labels=("down", "up")))
    share = np.mean(some.truth == "up")
    assert found.predicted is not None
    assert found.probabilities is not None
    assert set(found.predicted.tolist()) == {"up"}
    assert found.probabilities[0] == pytest.approx([1 - share, share])
    assert len(found) == len(judged)


def test_trivial_number_is_the_median() -> None:
    """Of each step, in a forecast."""
    number = trivial(rows(np.arange(300.0)), rows(np.zeros(300)), Value())
    assert number.predicted is not None
    assert set(number.predicted.tolist()) == {149.5}
    two = np.stack([np.arange(300.0), np.ones(300)], axis=1)
    forecast = trivial(rows(two), rows(two), Vector(steps=("1", "2")))
    assert forecast.values is not None
    assert forecast.values[7].tolist() == [149.5, 1.0]


def test_trivial_hazard_is_that_of_the_life_table() -> None:
    """Of those still seen, the share that met its end; nobody left is a hazard of 0."""
    facts = {"features": FRAME[:4], "index": np.arange(4)}
    known = Rows(
        **facts,
        truth=np.array([1, 2, 2, 1]),
        event=np.array([True, True, False, False]),
    )
    found = trivial(known, known, Vector(steps=("1", "2", "3")))
    assert found.values is not None
    assert found.values[0].tolist() == [0.25, 0.5, 0.0]


def test_an_end_needs_a_hazard() -> None:
    """A model with one number for rows that end is refused, not scored as a regression."""
    ended = Rows(
        features=FRAME[:2],
        truth=np.array([1, 2]),
        index=np.arange(2),
        event=np.array([True, True]),
    )
    with pytest.raises(EvidenceError, match="answers a hazard for each step"):
        trivial(ended, ended, Value())
