"""Answers of known rows: what fits is kept, what does not is refused by name and row."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from interlock.errors import EvidenceError
from interlock.evidence.scored import Scored, places

LABELS = ("no", "yes")


def classified(**changes: Any) -> Scored:
    parts: dict[str, Any] = {
        "truth": np.array(["no", "yes", "yes"], object),
        "labels": LABELS,
        "predicted": np.array(["no", "no", "yes"], object),
        "probabilities": np.array([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8]]),
    }
    return Scored(**(parts | changes))


def followed(**changes: Any) -> Scored:
    parts: dict[str, Any] = {
        "truth": np.array([1, 2, 2]),
        "event": np.array([True, False, True]),
        "values": np.array([[0.5, 0.5], [0.1, 0.2], [0.0, 1.0]]),
    }
    return Scored(**(parts | changes))


def test_task_is_told_by_what_is_there() -> None:
    """Labels make a classification, events hazards, steps a forecast, one number a regression."""
    number = np.array([1.0, 2.0])
    assert classified().task == "classification"
    assert followed().task == "hazard"
    assert Scored(truth=number, predicted=number).task == "regression"
    assert Scored(truth=number[:, None], values=number[:, None]).task == "forecast"


def test_codes_are_positions_among_the_labels() -> None:
    """Truth and answers are at hand as positions, rightness and confidence row by row."""
    scored = classified()
    assert scored.codes.tolist() == [0, 1, 1]
    assert scored.answers.tolist() == [0, 0, 1]
    assert scored.right.tolist() == [True, False, True]
    assert scored.confidence.tolist() == [0.9, 0.6, 0.8]


def test_whole_number_labels_are_told_by_value() -> None:
    """Integer labels need not start at zero."""
    scored = classified(
        truth=np.array([10, 20, 20]), labels=(10, 20), predicted=np.array([20, 20, 20])
    )
    assert scored.codes.tolist() == [0, 1, 1]
    assert scored.answers.tolist() == [1, 1, 1]


@pytest.mark.parametrize(("last", "total"), [((0.2, 0.802), "1.002"), ((0, 0), "0")])
def test_probabilities_that_do_not_add_up_to_one_are_refused(
    last: tuple[float, float], total: str
) -> None:
    """Scores that only look like probabilities are an error that names the row."""
    with pytest.raises(EvidenceError, match=rf"of row 2 add up to {total}, not to 1"):
        classified(probabilities=np.array([[0.9, 0.1], [0.6, 0.4], last]))


def test_probabilities_may_be_rounded() -> None:
    """Three decimals are enough."""
    rounded = np.array([[0.9, 0.1], [0.6, 0.4], [0.2, 0.7995]])
    assert classified(probabilities=rounded).given[2].tolist() == [0.2, 0.7995]


def test_lists_become_arrays() -> None:
    """What numpy makes an array of is as good as one."""
    scored = Scored(truth=[1.0, 2.0], predicted=[1.0, 3.0])  # type: ignore[arg-type]
    assert scored.take(np.array([1])).numbers.tolist() == [3.0]


def test_survival_is_the_product_of_not_meeting_the_event() -> None:
    """Survival through a step is the chance of no event in it and all before."""
    np.testing.assert_allclose(followed().survival.ravel(), [0.5, 0.25, 0.9, 0.72, 1.0, 0.0])


@given(st.lists(st.integers(0, 2), min_size=1, max_size=6), st.booleans())
def test_taken_rows_are_those_rows_whatever_was_worked_out_before(
    rows: list[int], asked_before: bool
) -> None:
    """Every part and every figure by row is that of the rows taken, in their order."""
    chosen = np.array(rows)
    for whole, worked_out in ((classified(), "ranks"), (followed(), "survival")):
        if asked_before:
            getattr(whole, worked_out)
        taken = whole.take(chosen)
        assert len(taken) == len(rows)
        for name in ("truth", "predicted", "probabilities", "values", "event"):
            part = getattr(whole, name)
            if part is not None:
                assert getattr(taken, name).tolist() == part[chosen].tolist()
    taken = classified().take(chosen)
    assert taken.codes.tolist() == classified().codes[chosen].tolist()
    assert taken.answers.tolist() == classified().answers[chosen].tolist()
    assert taken.task == "classification"


def test_ranks_taken_along_keep_the_order() -> None:
    """Ranks of a part may be those of the whole: their order is the same."""
    whole = classified()
    assert whole.ranks[:, 1].tolist() == [0, 1, 2]
    assert whole.take(np.array([2, 0])).ranks[:, 1].tolist() == [2, 0]
    assert classified().take(np.array([2, 0])).ranks[:, 1].tolist() == [1, 0]


def test_a_mask_takes_the_rows_where_it_is_true() -> None:
    """A mask of all rows takes those where it is true."""
    assert classified().take(np.array([True, False, True])).codes.tolist() == [0, 1]


def test_taking_no_row_is_refused() -> None:
    """A part without rows is an error, not a NaN further on."""
    with pytest.raises(EvidenceError, match="none of the rows was taken"):
        classified().take(np.array([False, False, False]))


def test_equal_values_share_a_place() -> None:
    """Places count distinct values from the lowest, column by column."""
    columns = np.array([[0.3, 1.0], [0.1, 1.0], [0.3, 0.0]])
    assert places(columns).tolist() == [[1, 1], [0, 1], [1, 0]]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"truth": np.array([], object)}, "truth has no rows"),
        ({"truth": np.array("no")}, "truth has no rows"),
        ({"predicted": np.array(["no"])}, r"predicted has the shape \[1\], not \[3\]"),
        ({"probabilities": np.ones((3, 3)) / 3}, r"shape \[3, 3\], not \[3, 2\]"),
        (
            {"truth": np.array(["no", "odd", "yes"])},
            "truth of row 1 is .*'odd'.*; the labels are no",
        ),
        ({"predicted": np.array(["no", "yes", "odd"])}, "predicted of row 2 is .*'odd'"),
        ({"probabilities": np.array([[1, 0], [np.nan, 0], [0, 1]])}, "probabilities of row 1 is"),
        ({"probabilities": np.array([[1, 0], [1, 0], [1.1, 0]])}, "probabilities of row 2 is"),
        ({"probabilities": np.full((3, 2), "x")}, "probabilities holds <U1 instead of numbers"),
    ],
)
def test_answers_that_do_not_fit_a_classification_are_refused(
    changes: dict[str, Any], message: str
) -> None:
    """The error names the part and, where one is at fault, the row."""
    with pytest.raises(EvidenceError, match=message):
        classified(**changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"truth": np.array([0, 1, 2])}, "truth of row 0 is 0: not finite from 1 to inf"),
        ({"truth": np.array([1, 1.5, 2])}, "truth of row 1 is 1.5: a duration is in whole steps"),
        ({"values": np.array([[0.5, 2], [0, 0], [0, 0]])}, "values of row 0 is"),
        ({"event": np.array([1, 0, 1])}, "event holds int64 instead of true and false"),
        ({"event": np.array([True])}, r"event has the shape \[1\], not \[3\]"),
        ({"values": np.array([0.5, 0.1, 0.1])}, r"values has the shape \[3\], not \[3, steps\]"),
    ],
)
def test_answers_that_do_not_fit_hazards_are_refused(changes: dict[str, Any], message: str) -> None:
    """Durations are whole steps from 1, hazards are chances, events are true or false."""
    with pytest.raises(EvidenceError, match=message):
        followed(**changes)


def test_a_forecast_of_other_steps_than_the_truth_is_refused() -> None:
    """Truth and forecast have the same rows and steps."""
    with pytest.raises(EvidenceError, match=r"values has the shape \[2, 3\], not \[2, 2\]"):
        Scored(truth=np.ones((2, 2)), values=np.ones((2, 3)))


def test_numbers_that_are_not_finite_are_refused() -> None:
    """A regression with NaN or infinity in it has no figure; the row is named."""
    with pytest.raises(EvidenceError, match="predicted of row 1 is inf"):
        Scored(truth=np.array([1.0, 2.0]), predicted=np.array([1.0, np.inf]))


@pytest.mark.parametrize("scale", [0.0, -1.0, float("nan"), float("inf")])
def test_a_scale_that_cannot_divide_is_refused(scale: float) -> None:
    """MASE divides by the scale, so it is above 0 and finite."""
    with pytest.raises(EvidenceError, match=r"scale .* is not a number above 0"):
        Scored(truth=np.array([1.0]), predicted=np.array([1.0]), scale=scale)


def test_what_a_task_does_not_have_is_told_by_name() -> None:
    """Asked for a part of another task, answers say what is missing."""
    bare = classified(predicted=None, probabilities=None)
    with pytest.raises(EvidenceError, match="needs predicted, which this classification"):
        bare.answers  # noqa: B018
    with pytest.raises(EvidenceError, match="needs probabilities, which this classification"):
        bare.ranks  # noqa: B018
    with pytest.raises(EvidenceError, match="needs labels, which this hazard does not have"):
        followed().codes  # noqa: B018
    with pytest.raises(EvidenceError, match="a classification has no hazards"):
        bare.survival  # noqa: B018
    with pytest.raises(EvidenceError, match="a classification answers no numbers"):
        bare.numbers  # noqa: B018
