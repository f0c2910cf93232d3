"""A project and its functions: what they are handed, and what they must give."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from interlock.errors import ConfigurationError, EvidenceError
from interlock.evidence.catalogue import metric
from interlock.train.job import Job

from .conftest import Call
from .projects import make


def test_fit_is_handed_train_and_validation_and_nothing_else(tmp_path: Path) -> None:
    """No row of test, holdout or staging reaches the project's function."""
    job = Job.read(make(tmp_path, fit="spying"))
    job.fit({})
    seen = json.loads((tmp_path / "seen.json").read_text())
    assert seen == {
        "train": job.parts["train"].index.tolist(),
        "validation": job.parts["validation"].index.tolist(),
    }
    handed = {row for rows in seen.values() for row in rows}
    for name in ("test", "holdout", "staging"):
        assert len(job.parts[name]) > 30
        assert not handed & set(job.parts[name].index.tolist())
    # Nor are they behind what is handed over: arrays are copies, not views into all rows.
    assert job.data.train.truth.base is None
    assert not np.shares_memory(job.data.train.index, job.parts["holdout"].index)


def test_what_fit_does_to_its_rows_does_not_last(tmp_path: Path) -> None:
    """The next fit, and whoever judges, has the rows as they were read."""
    job = Job.read(make(tmp_path, fit="spoiling"))
    x, truth = job.data.train.features["x"].copy(), job.data.validation.truth.copy()
    job.fit({})
    assert (job.data.train.features["x"] == x).all()
    assert (job.data.validation.truth == truth).all()


def test_defaults_of_fit_are_known(tmp_path: Path) -> None:
    """What is not set has the function's own default, so that the record is complete."""
    job = Job.read(make(tmp_path))
    assert job.bound({"strength": 3}) == {"strength": 3, "fit_intercept": True}


def test_a_parameter_that_fit_does_not_take_is_refused(tmp_path: Path) -> None:
    """The message names those that it takes."""
    job = Job.read(make(tmp_path, fit="reporting"))
    with pytest.raises(ConfigurationError, match=r"'depth'; .* it takes strength$"):
        job.fit({"depth": 3})


def test_report_is_given_only_to_those_who_take_it(tmp_path: Path) -> None:
    """A fit without `report` is called without; one with it may always call it."""
    heard: list[tuple[int, float]] = []
    job = Job.read(make(tmp_path, fit="reporting"))
    job.fit({"strength": 2.0}, lambda step, value: heard.append((step, value)))
    assert heard == [(0, 2.0), (1, 2.0), (2, 0.0)]
    job.fit({})
    Job.read(make(tmp_path)).fit({}, lambda _step, _value: pytest.fail("nobody reports"))


def test_every_fit_begins_with_the_same_random_numbers(tmp_path: Path) -> None:
    """Code that forgot its seed gives the same model all the same."""
    file = make(tmp_path, fit="drawing")
    (tmp_path / "model.py").write_text(
        (tmp_path / "model.py").read_text()
        + "\ndef drawing(data):\n    return fit(data, np.random.rand() + 0.1)\n"
    )
    job = Job.read(file)
    first, second = job.fit({}), job.fit({})
    assert first.C == second.C
    assert np.array_equal(first.coef_, second.coef_)


def test_scores_are_those_of_the_model(tmp_path: Path) -> None:
    """A model is judged by its own answers to a part."""
    job = Job.read(make(tmp_path))
    model = job.fit({})
    scored = job.score(model, job.signature(model), "test")
    rows = job.parts["test"]
    assert metric("accuracy").of(scored) == model.score(rows.features, rows.truth)


def test_the_primary_metric_is_known_before_there_is_a_model(tmp_path: Path) -> None:
    """By name, by the words of the label, or not at all where it could be either."""
    assert Job.read(make(tmp_path, primary="brier")).metric.name == "brier"
    assert Job.read(make(tmp_path, primary="")).metric.name == "f1_macro"
    assert Job.read(make(tmp_path, primary="", data='label = "x"')).metric.name == "mae"
    folder = tmp_path / "counts"
    file = make(folder, primary="", data='label = "n"')
    code = (folder / "model.py").read_text()
    (folder / "model.py").write_text(code.replace('{"x": x', '{"n": np.arange(400) % 3, "x": x'))
    with pytest.raises(ConfigurationError, match="can be labels or amounts"):
        _ = Job.read(file).metric


def test_a_label_that_nobody_learned_is_named(tmp_path: Path) -> None:
    """A metric of a class that does not exist is an error, not a silent nothing."""
    job = Job.read(make(tmp_path, primary="recall:sideways"))
    model = job.fit({})
    with pytest.raises(EvidenceError, match="sideways"):
        job.primary(job.signature(model))


def test_a_space_must_be_a_dict(tmp_path: Path) -> None:
    """What else it gave is named by its type."""
    job = Job.read(make(tmp_path, space="odd_space"))

    class Trial:
        def suggest_float(self, *_bounds: object, log: bool) -> float:
            return 1.0

    with pytest.raises(ConfigurationError, match="model:odd_space gave a list"):
        job.space(Trial())


def test_training_needs_validation_rows(tmp_path: Path) -> None:
    """Without any there is nothing to stop by and to prove the package on."""
    file = make(tmp_path)
    file.write_text(file.read_text() + "[splits]\ntrain = 0.7\nvalidation = 0\n")
    with pytest.raises(ConfigurationError, match=r"splits\.validation = 0"):
        _ = Job.read(file).data


def test_a_search_needs_test_rows_before_it_begins(call: Call, tmp_path: Path) -> None:
    """Without any there is nothing to choose by, which is said before the first trial."""
    file = make(tmp_path, fit="dying")
    file.write_text(file.read_text() + "[splits]\ntrain = 0.7\ntest = 0\n")
    with pytest.raises(ConfigurationError, match=r"splits\.test = 0: .* choose the best"):
        call("tune", "--policy", file)
    assert not list(tmp_path.glob("fit-*"))
