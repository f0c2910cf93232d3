"""Answers of one model on rows whose truth is known: what every metric is worked out from."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from interlock.errors import EvidenceError

Task: TypeAlias = Literal["classification", "regression", "forecast", "hazard"]
Array: TypeAlias = NDArray[Any]
Labels: TypeAlias = tuple[str | int, ...]
Whole: TypeAlias = NDArray[np.int64]

_ROUNDING = 1e-3
"""Probabilities of a row may add up to so much more or less than 1."""
_PARTS = ("truth", "predicted", "probabilities", "values", "event")


@dataclass(frozen=True, eq=False, kw_only=True)
class Scored:
    """Truth and answers, one entry a row.

    Parameters
    ----------
    truth
        The label of each row; or its number; or ``[rows, steps]`` numbers of a forecast; or, for
        hazards, its duration in whole steps, counted from 1.
    labels
        The classes in the signature's order; only for classification.
    predicted
        The label or the number answered for each row.
    probabilities
        ``[rows, labels]``, each between 0 and 1, those of a row adding up to 1.
    values
        ``[rows, steps]``: the forecast of each step, or the hazard of each step, which is the
        chance that the event comes in that step for those whom it has not met before.
    event
        Hazards only: whether the event came in the row's last step. False is a row that was seen
        through its last step without event, and lost from sight after it.
    scale
        Forecasts and regressions: mean absolute error of the naive forecast on the training data,
        in the unit of the truth. MASE divides by it.

    Raises
    ------
    EvidenceError
        When there are no rows, a shape does not fit, a label is unknown, or a number is not finite
        or out of its range.

    Examples
    --------
    >>> answers = Scored(truth=np.array([1.0, 2.0]), predicted=np.array([1.5, 2.0]))
    >>> len(answers), answers.task
    (2, 'regression')
    """

    truth: Array
    labels: Labels | None = None
    predicted: Array | None = None
    probabilities: Array | None = None
    values: Array | None = None
    event: Array | None = None
    scale: float | None = None

    def __post_init__(self) -> None:
        for name in _PARTS:
            if getattr(self, name) is not None:
                object.__setattr__(self, name, np.asarray(getattr(self, name)))
        if not self.truth.ndim or not len(self.truth):
            raise EvidenceError("truth has no rows; a figure needs at least one")
        _check_shapes(self)
        _check_numbers(self)
        if self.labels is not None:
            _check_labels(self)

    def __len__(self) -> int:
        return len(self.truth)

    def take(self, rows: Array) -> Scored:
        """The given rows, in that order; a row may be taken more than once, as resampling does.

        What was worked out before, such as ranks, is taken along: a metric asked of the whole once
        is fast on every part of it. `rows` are numbers, or a mask of all rows.
        """
        if rows.dtype == bool:
            rows = np.flatnonzero(rows)
        if not len(rows):
            raise EvidenceError("none of the rows was taken; a figure needs at least one")
        taken = object.__new__(Scored)  # what was checked once need not be checked again
        for name, value in self.__dict__.items():
            taken.__dict__[name] = value.take(rows, 0) if isinstance(value, np.ndarray) else value
        return taken

    @property
    def task(self) -> Task:
        """What kind of question the model answers."""
        if self.labels is not None:
            return "classification"
        if self.event is not None:
            return "hazard"
        return "regression" if self.values is None else "forecast"

    @cached_property
    def codes(self) -> Whole:
        """Position of each true label in `labels`."""
        return _codes(_needed(self, "labels"), "truth", self.truth)

    @cached_property
    def answers(self) -> Whole:
        """Position of each label answered."""
        return _codes(_needed(self, "labels"), "predicted", _needed(self, "predicted"))

    @cached_property
    def survival(self) -> NDArray[np.float64]:
        """Hazards only: ``[rows, steps]``, the chance of no event through each step."""
        if self.task != "hazard":
            raise EvidenceError(f"a {self.task} has no hazards; this metric needs them")
        return np.cumprod(1 - np.clip(_needed(self, "values"), 0, 1), axis=1, dtype=np.float64)

    @cached_property
    def ranks(self) -> NDArray[np.int32]:
        """Place of each probability (or survival) in its column, equal ones in the same place."""
        return places(self.survival if self.task == "hazard" else self.given)

    @property
    def right(self) -> NDArray[np.bool_]:
        """Whether each row was answered with its true label."""
        same: NDArray[np.bool_] = self.codes == self.answers
        return same

    @property
    def confidence(self) -> Array:
        """Probability of the label that was answered, row by row."""
        return self.given[np.arange(len(self)), self.answers]

    @property
    def given(self) -> Array:
        """`probabilities`, where there are any."""
        part: Array = _needed(self, "probabilities")
        return part

    @property
    def numbers(self) -> Array:
        """The numbers answered: `values` of a forecast, `predicted` of a regression."""
        if self.task not in ("regression", "forecast"):
            raise EvidenceError(f"a {self.task} answers no numbers to compare with the truth")
        part: Array = _needed(self, "predicted" if self.values is None else "values")
        return part


def places(columns: Array) -> NDArray[np.int32]:
    """Place of each value in its column, from 0, equal values in the same place (dense ranks).

    >>> places(np.array([[0.1], [0.7], [0.1], [0.2]])).ravel().tolist()
    [0, 2, 0, 1]
    """
    found = [np.unique(column, return_inverse=True)[1] for column in columns.T]
    return np.stack(found, axis=1).astype(np.int32)


def _needed(scored: Scored, name: str) -> Any:
    part = getattr(scored, name)
    if part is None:
        raise EvidenceError(f"this metric needs {name}, which this {scored.task} does not have")
    return part


def _check_shapes(scored: Scored) -> None:
    rows = len(scored.truth)
    steps = scored.truth.shape if scored.task == "forecast" else (rows, None)
    expected: dict[str, tuple[int | None, ...]] = {
        "truth": (rows, None) if scored.task == "forecast" else (rows,),
        "predicted": (rows,),
        "probabilities": (rows, len(scored.labels or ())),
        "values": steps,
        "event": (rows,),
    }
    for name, shape in expected.items():
        part = getattr(scored, name)
        if part is not None and not _fits(np.shape(part), shape):
            wanted = ", ".join("steps" if size is None else str(size) for size in shape)
            raise EvidenceError(f"{name} has the shape {list(np.shape(part))}, not [{wanted}]")


def _fits(shape: tuple[int, ...], expected: tuple[int | None, ...]) -> bool:
    return len(shape) == len(expected) and all(
        wanted in (None, size) for size, wanted in zip(shape, expected, strict=True)
    )


def _check_numbers(scored: Scored) -> None:
    _check_range("probabilities", scored.probabilities, 0, 1)
    _check_sums(scored.probabilities)
    if scored.task == "hazard":
        _check_range("values", scored.values, 0, 1)
        _check_range("truth", scored.truth, 1, np.inf)
        _check_ends(scored.truth, scored.event)
    elif scored.task != "classification":
        for name in ("truth", "predicted", "values"):
            _check_range(name, getattr(scored, name), -np.inf, np.inf)
    if scored.scale is not None and not 0 < scored.scale < np.inf:
        raise EvidenceError(f"scale {scored.scale} is not a number above 0")


def _check_range(name: str, part: Array | None, low: float, high: float) -> None:
    """Refuse `part` where it is not finite or, by more than rounding, outside `low` to `high`."""
    if part is None:
        return
    if part.dtype.kind not in "biuf":
        raise EvidenceError(f"{name} holds {part.dtype} instead of numbers")
    fits = np.isfinite(part) & (part >= low - 1e-5) & (part <= high + 1e-5)
    if not fits.all():
        row = int(np.argwhere(~fits)[0][0])
        raise EvidenceError(f"{name} of row {row} is {part[row]}: not finite from {low} to {high}")


def _check_sums(probabilities: Array | None) -> None:
    if probabilities is None:
        return
    sums = probabilities.sum(axis=1, dtype=np.float64)
    wrong = np.flatnonzero(np.abs(sums - 1) > _ROUNDING)
    if len(wrong):
        raise EvidenceError(
            f"probabilities of row {wrong[0]} add up to {sums[wrong[0]]:.4g}, not to 1"
        )


def _check_ends(duration: Array, event: Array | None) -> None:
    if not np.all(duration == np.floor(duration)):
        row = int(np.flatnonzero(duration != np.floor(duration))[0])
        raise EvidenceError(f"truth of row {row} is {duration[row]}: a duration is in whole steps")
    if event is not None and event.dtype != bool:
        raise EvidenceError(f"event holds {event.dtype} instead of true and false")


def _check_labels(scored: Scored) -> None:
    """Every label is known; from here on their codes are there for every `take`."""
    for name in ("codes", "answers") if scored.predicted is not None else ("codes",):
        getattr(scored, name)


def _codes(labels: Labels, name: str, column: Array) -> Whole:
    """Position of each label of `column` in `labels`."""
    position = {label: code for code, label in enumerate(labels)}
    codes = [position.get(label, -1) for label in column.tolist()]
    if -1 in codes:
        row = codes.index(-1)
        known = ", ".join(map(str, labels))
        raise EvidenceError(f"{name} of row {row} is {column[row]!r}; the labels are {known}")
    return np.array(codes, np.int64)
