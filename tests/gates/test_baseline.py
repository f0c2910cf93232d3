"""The trivial baseline for every kind of model."""

from __future__ import annotations

from typing import Any

import numpy as np

from interlock.data.rows import Rows
from interlock.evidence.scored import Scored
from interlock.gates import baseline
from tests.gates.conftest import MakeCase


def forecasts(values: np.ndarray[Any, Any], steps: int = 3) -> Rows:
    """Rows of a series: at each moment, the next `steps` values."""
    places = np.arange(len(values) - steps)
    truth = np.stack([values[place + 1 : place + 1 + steps] for place in places])
    features = {"x": values[places].reshape(-1, 1)}
    return Rows(features=features, truth=truth, index=places, time=places)


def answered(before: Rows, rows: Rows) -> tuple[str, np.ndarray[Any, Any]]:
    """The forecast baseline's words and its values."""
    challenger = Scored(truth=rows.truth, values=rows.truth.astype(float))
    found = baseline.forecast((before,), rows, challenger)
    assert found.scored.values is not None
    return found.words, found.scored.values


def test_a_class_baseline_answers_shares_of_the_training_rows(make_case: MakeCase) -> None:
    """Always the most frequent class, as sure as that class is frequent."""
    case = make_case("1.0.0")
    found = baseline.scored(case, case.score(case.challenger, case.holdout())).scored
    assert found.probabilities is not None
    assert set(found.predicted.tolist() if found.predicted is not None else []) == {"calm"}
    assert np.allclose(found.probabilities, 0.5)


def test_a_drifting_series_is_forecast_by_its_last_value() -> None:
    """Known at row i is what row i - 1 was to forecast first."""
    walk = np.cumsum(np.random.default_rng(0).normal(size=200))
    series = forecasts(walk)
    before, rows = series.take(np.arange(150)), series.take(np.arange(150, 197))
    words, values = answered(before, rows)
    assert words == "the last value seen"
    assert np.allclose(values, walk[150:197, None])


def test_a_seasonal_series_is_forecast_by_its_season() -> None:
    """The season is the one that did best before the holdout."""
    series = forecasts(np.tile(np.arange(7.0) ** 2, 30))
    words, values = answered(series.take(np.arange(150)), series.take(np.arange(150, 207)))
    assert words == "the value 7 steps before"
    assert np.allclose(values, series.truth[150:])


def test_groups_do_not_lend_each_other_values() -> None:
    """The last value of another place says nothing about this one."""
    one, other = forecasts(np.zeros(40)), forecasts(np.full(40, 100.0))
    both = Rows(
        features={"x": np.zeros((74, 1))},
        truth=np.concatenate([one.truth, other.truth]),
        index=np.arange(74),
        time=np.tile(np.arange(37), 2),
        group=np.repeat(["a", "b"], 37),
    )
    late = both.time is not None and both.time > 20
    rows = both.take(np.flatnonzero(late))
    _words, values = answered(both.take(np.flatnonzero(~np.asarray(late))), rows)
    assert np.array_equal(values, rows.truth)
