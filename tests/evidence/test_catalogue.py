"""Every name of the catalogue gives the figure that it says, from scored answers."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sklearn.metrics as reference
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from interlock.errors import EvidenceError
from interlock.evidence import calibration, hazard, metrics
from interlock.evidence.catalogue import default_metric, metric, names, of_task
from interlock.evidence.scored import Scored, Task
from interlock.signature import Classes, Value, Vector

LABELS = ("normal", "r:on:t", "other")
HAZARDS = Scored(
    truth=np.array([1, 2, 3, 3, 2, 1]),
    event=np.array([True, True, False, True, False, False]),
    values=np.array([[0.5, 0.2, 0.1], [0.1, 0.4, 0.3], [0.1, 0.1, 0.2]] * 2, np.float32),
)
FORECAST = Scored(
    truth=np.array([[1.0, 2.0], [3.0, 5.0]]), values=np.array([[1.5, 2.0], [1.0, 6.0]]), scale=2.0
)


@st.composite
def classified(draw: Any, labels: tuple[str, ...] = LABELS) -> Scored:
    """Answers with ties, absent classes, and labels that are not always the likeliest."""
    size = draw(st.integers(1, 20))
    some = st.lists(st.sampled_from(labels), min_size=size, max_size=size)
    weight = st.lists(st.integers(0, 5), min_size=len(labels), max_size=len(labels)).filter(any)
    weights = np.array(draw(st.lists(weight, min_size=size, max_size=size)), float)
    return Scored(
        truth=np.array(draw(some), object),
        labels=labels,
        predicted=np.array(draw(some), object),
        probabilities=weights / weights.sum(axis=1, keepdims=True),
    )


def figure(name: str, scored: Scored) -> float:
    return metric(name).of(scored)


@settings(max_examples=40)
@given(classified())
def test_figures_of_labels_are_those_of_scikit_learn(scored: Scored) -> None:
    """Accuracy, macro F1 and the figures by class, NaN where it has nothing to divide."""
    y, answers = scored.truth.tolist(), scored.predicted.tolist()  # type: ignore[union-attr]
    assert figure("accuracy", scored) == reference.accuracy_score(y, answers)
    assert figure("f1_macro", scored) == pytest.approx(
        reference.f1_score(y, answers, average="macro")
    )
    each = reference.precision_recall_fscore_support(
        y, answers, labels=LABELS, zero_division=np.nan
    )
    for head, values in zip(("precision", "recall", "f1"), each[:3], strict=True):
        for label, value in zip(LABELS, values, strict=True):
            assert figure(f"{head}:{label}", scored) == pytest.approx(value, nan_ok=True)


@settings(max_examples=40)
@given(classified())
def test_areas_are_those_of_scikit_learn_over_the_classes_that_have_one(scored: Scored) -> None:
    """The mean of one-against-rest areas leaves out classes that no row, or every row, is of."""
    roc, pr = [], []
    for code, label in enumerate(LABELS):
        positive, score = scored.codes == code, scored.given[:, code]
        if positive.any():
            pr.append(reference.average_precision_score(positive, score))
            assert figure(f"pr_auc:{label}", scored) == pytest.approx(pr[-1])
        if positive.any() and not positive.all():
            roc.append(reference.roc_auc_score(positive, score))
            assert figure(f"roc_auc:{label}", scored) == pytest.approx(roc[-1])
        else:
            assert math.isnan(figure(f"roc_auc:{label}", scored))
    assert figure("pr_auc", scored) == pytest.approx(np.mean(pr))
    assert figure("roc_auc", scored) == pytest.approx(
        np.mean(roc) if roc else math.nan, nan_ok=True
    )


@settings(max_examples=40)
@given(classified(), st.sampled_from([0.5, 0.9]))
def test_recall_at_precision_is_on_the_curve_of_scikit_learn(scored: Scored, least: float) -> None:
    """A label with colons in its name is told from the precision after it."""
    positive = scored.truth == "r:on:t"
    found = figure(f"recall_at_precision:r:on:t:{least}", scored)
    if positive.any():
        precision, recall, _ = reference.precision_recall_curve(positive, scored.given[:, 1])
        assert found == pytest.approx(recall[precision >= least].max())
    else:
        assert math.isnan(found)


@given(classified())
def test_figures_of_probabilities_are_those_of_their_modules(scored: Scored) -> None:
    """Log loss and Brier score as a package has them; calibration of the label answered."""
    given_ = scored.given
    assert figure("log_loss", scored) == metrics.log_loss(LABELS, scored.truth, given_)
    assert figure("brier", scored) == metrics.brier(LABELS, scored.truth, given_)
    expected = calibration.ece(scored.confidence, scored.right)
    assert figure("ece", scored) == expected


@settings(max_examples=40)
@given(classified(("no", "yes")))
def test_area_of_two_classes_is_the_same_from_both_sides(scored: Scored) -> None:
    """For two classes the macro ROC area is the one that scikit-learn gives for the second."""
    positive = scored.codes == 1
    if positive.any() and not positive.all():
        expected = reference.roc_auc_score(positive, scored.given[:, 1])
        assert figure("roc_auc", scored) == pytest.approx(expected)


def test_numbers_are_judged_for_regressions_and_forecasts_alike() -> None:
    """One number a row, or one a step: errors are those of scikit-learn over all of them."""
    truth, values = FORECAST.truth, FORECAST.numbers
    one = Scored(truth=truth.ravel(), predicted=values.ravel(), scale=2.0)
    for scored in (FORECAST, one):
        assert figure("mae", scored) == reference.mean_absolute_error(truth, values)
        assert figure("rmse", scored) == pytest.approx(
            reference.root_mean_squared_error(truth.ravel(), values.ravel())
        )
        assert figure("mase", scored) == reference.mean_absolute_error(truth, values) / 2
        assert figure("pinball:0.9", scored) == pytest.approx(
            reference.mean_pinball_loss(truth, values, alpha=0.9)
        )


def test_figures_of_hazards_are_those_of_their_module() -> None:
    """Of one step, or the mean over the steps."""
    rows = HAZARDS.truth, HAZARDS.event, HAZARDS.survival
    brier = hazard.brier(*rows)  # type: ignore[arg-type]
    found = hazard.months(*rows)  # type: ignore[arg-type]
    distance = np.abs(found.observed - found.predicted)
    assert figure("hazard_brier", HAZARDS) == pytest.approx(brier.mean())
    assert figure("hazard_brier:2", HAZARDS) == brier[1]
    assert figure("hazard_calibration", HAZARDS) == pytest.approx(distance.mean())
    assert figure("hazard_calibration:3", HAZARDS) == distance[2]
    assert 0 < figure("concordance", HAZARDS) < 1


def test_steps_that_nobody_was_followed_through_do_not_count_in_the_mean() -> None:
    """The mean is over the steps that are known; an unknown one alone is NaN."""
    lost = HAZARDS.take(np.array([0, 5]))
    assert math.isnan(figure("hazard_brier:2", lost))
    assert figure("hazard_brier", lost) == figure("hazard_brier:1", lost)


SCORED: dict[Task, Scored] = {
    "classification": Scored(
        truth=np.array(["normal", "r:on:t", "other", "other"]),
        labels=LABELS,
        predicted=np.array(["normal", "r:on:t", "other", "normal"]),
        probabilities=np.array([[0.8, 0.1, 0.1], [0.2, 0.7, 0.1], [0, 0, 1], [0.6, 0.4, 0]]),
    ),
    "regression": Scored(truth=np.array([1.0, 2]), predicted=np.array([1.0, 4]), scale=1.0),
    "forecast": FORECAST,
    "hazard": HAZARDS,
}
ASKED = {"PRECISION": "0.8", "QUANTILE": "0.9", "STEP": "2"}


def spelled(task: Task) -> list[str]:
    """Names of all metrics of a task, with something in place of the words in capitals."""
    found = names(task, SCORED[task].labels)
    for word, value in ASKED.items():
        found = tuple(name.replace(word, value) for name in found)
    return list(found)


@pytest.mark.parametrize("task", SCORED)
def test_every_metric_of_a_task_has_a_figure_within_its_range(task: Task) -> None:
    """Whatever is listed for a task works, and the mean of its rows is the figure."""
    assert spelled(task)
    for name in spelled(task):
        found = metric(name, SCORED[task].labels)
        value = found.of(SCORED[task])
        assert found.name == name
        assert 0 <= value <= (math.inf if found.range is None else found.range)
        if found.rows:
            rows: NDArray[np.float64] = found.rows(SCORED[task])
            assert rows.shape == (len(SCORED[task]),)
            assert rows.mean() == pytest.approx(value)


@pytest.mark.parametrize("task", SCORED)
def test_a_metric_of_another_task_says_so(task: Task) -> None:
    """A metric given answers that it cannot judge is an error of ours, never a wrong figure."""
    others = [name for other in SCORED for name in spelled(other) if name not in spelled(task)]
    for name in others:
        with pytest.raises(EvidenceError):
            metric(name).of(SCORED[task])


@pytest.mark.parametrize("task", SCORED)
@given(data=st.data())
def test_resampled_rows_have_the_figures_of_answers_made_anew(
    task: Task, data: st.DataObject
) -> None:
    """What `take` carries along changes no figure."""
    whole = SCORED[task]
    numbers = st.integers(0, len(whole) - 1)
    rows = np.array(data.draw(st.lists(numbers, min_size=1, max_size=8)))
    parts = ("truth", "predicted", "probabilities", "values", "event")
    kept = {name: getattr(whole, name) for name in parts if getattr(whole, name) is not None}
    taken = {name: part[rows] for name, part in kept.items()}
    anew = Scored(**taken, labels=whole.labels, scale=whole.scale)
    for name in spelled(task):
        metric(name).of(whole)
        found = metric(name).of(whole.take(rows))
        assert found == pytest.approx(metric(name).of(anew), nan_ok=True)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("acuracy", "no metric is called 'acuracy'; there are accuracy, f1_macro, .*recall:LABEL"),
        ("accuracy:normal", "no metric is called 'accuracy:normal'"),
        ("recall", "no metric is called 'recall'"),
        ("recall:", "no metric is called 'recall:'"),
        ("pinball:1.5", "metric 'pinball:1.5': '1.5' is not a number between 0 and 1"),
        ("pinball:high", "'high' is not a number between 0 and 1"),
        ("recall_at_precision:normal", "a label and a precision, not 'normal'"),
        ("recall_at_precision:normal:1", "'1' is not a number between 0 and 1"),
        ("hazard_brier:0", "'0' is not a step; steps count from 1"),
        ("hazard_calibration:May", "'May' is not a step"),
    ],
)
def test_unknown_names_are_refused_with_what_there_is(name: str, message: str) -> None:
    """The error says which name, and lists the known ones or what should follow the colon."""
    with pytest.raises(EvidenceError, match=message):
        metric(name)


def test_unknown_label_is_refused_when_the_labels_are_known() -> None:
    """With the labels at hand a policy's slip is found before any row is scored."""
    message = "no label is called 'odd'; the labels are normal, r:on:t, other"
    for name in ("recall:odd", "recall_at_precision:odd:0.9", "roc_auc:odd"):
        with pytest.raises(EvidenceError, match=message):
            metric(name, LABELS)
        with pytest.raises(EvidenceError, match=message):
            metric(name).of(SCORED["classification"])
    assert metric("recall_at_precision:r:on:t:0.9", LABELS).name.endswith(":0.9")


def test_step_beyond_the_last_is_refused() -> None:
    """A policy that asks for month 12 of a model with 3 is told so."""
    with pytest.raises(EvidenceError, match="there is no step 12: the answers have 3"):
        figure("hazard_brier:12", HAZARDS)


def test_mase_needs_its_scale() -> None:
    """Without the naive forecast's error there is nothing to divide by."""
    bare = Scored(truth=np.array([1.0]), predicted=np.array([1.0]))
    with pytest.raises(EvidenceError, match="mase needs a scale"):
        figure("mase", bare)


def test_labels_narrow_the_range_of_the_brier_score() -> None:
    """The score of two classes is halved, so its range is; without labels the larger one holds."""
    assert metric("brier").range == 2
    assert metric("brier", LABELS).range == 2
    assert metric("brier", ("no", "yes")).range == 1


def test_whole_number_labels_are_named_by_their_digits() -> None:
    """A label that is a number is written as it is after the colon."""
    scored = Scored(truth=np.array([10, 20]), labels=(10, 20), predicted=np.array([10, 10]))
    assert names("classification", (10, 20))[-1] == "pr_auc:20"
    assert metric("recall:20", (10, 20)).of(scored) == 0


def test_task_and_default_metric_follow_the_output() -> None:
    """Classes, a value, steps of a forecast, steps of a hazard."""
    vector = Vector(steps=("1", "2"))
    assert of_task(Classes(labels=("a", "b"))) == "classification"
    assert of_task(Value()) == "regression"
    assert of_task(vector) == "forecast"
    assert of_task(vector, event=True) == "hazard"
    assert default_metric(Classes(labels=("a", "b"))) == "f1_macro"
    assert default_metric(Value()) == default_metric(vector) == "mae"
    assert default_metric(vector, event=True) == "hazard_brier"


def test_the_page_lists_every_metric_with_its_direction() -> None:
    """The documentation has each name, no others, and says which way is better."""
    page = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text()
    lines = [line.split(" | ") for line in page.splitlines() if line.startswith("| `")]
    listed = {cells[0].strip("| `"): cells[2] for cells in lines}
    directions = {}
    for name in names():
        example = name.replace("LABEL", "x")
        for word, value in ASKED.items():
            example = example.replace(word, value)
        directions[name] = metric(example).better
    assert listed == directions
