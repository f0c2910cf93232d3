"""`interlock tune`: search on validation, selection on test, nothing lost when it is killed."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from mlflow.tracking import MlflowClient
from optuna.trial import FrozenTrial
from typer.testing import CliRunner

from interlock import package
from interlock.cli import app
from interlock.errors import ConflictError, EvidenceError
from interlock.train import study, tuning
from interlock.train.job import Job
from interlock.train.tuning import Selected

from .conftest import Call
from .projects import make


class Tuned(NamedTuple):
    """One search of eight trials, looked at by several tests."""

    home: Path
    file: Path
    found: dict[str, Any]
    trials: dict[str, Any]


@pytest.fixture(scope="module")
def tuned(tmp_path_factory: pytest.TempPathFactory, empty_registry: Path) -> Tuned:
    """A finished search."""
    folder = tmp_path_factory.mktemp("tuned")
    home = folder / "home"
    home.mkdir()
    shutil.copy(empty_registry, home / "registry.db")
    file = make(folder / "p", fit="dying")
    done = CliRunner().invoke(
        app, ["tune", "--policy", str(file), "--json"], env={"INTERLOCK_HOME": str(home)}
    )
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    return Tuned(home, file, found, json.loads((Path(found["plots"]) / "trials.json").read_text()))


def parameters(trials: dict[str, Any]) -> list[dict[str, Any]]:
    """What each finished trial tried."""
    return [trial["parameters"] for trial in trials["trials"]]


def children(home: Path) -> dict[str, int]:
    """How many nested runs each search has, the newest first."""
    uri = f"sqlite:///{home / 'registry.db'}"
    client = MlflowClient(uri, registry_uri=uri)
    experiment = client.get_experiment_by_name("m")
    assert experiment is not None
    runs = client.search_runs([experiment.experiment_id])
    parents = [run.data.tags.get("mlflow.parentRunId") for run in runs]
    return {
        run.info.run_id: parents.count(run.info.run_id)
        for run, parent in zip(runs, parents, strict=True)
        if parent is None
    }


def test_candidates_are_the_best_on_validation_and_the_best_on_test_is_taken(
    tuned: Tuned,
) -> None:
    """Validation brings them into the choice; test makes it."""
    ordered = sorted(tuned.trials["trials"], key=lambda trial: trial["validation"])
    candidates = tuned.found["candidates"]
    assert [one["trial"] for one in candidates] == [trial["trial"] for trial in ordered[:3]]
    assert tuned.found["trial"] == min(candidates, key=lambda one: one["test"])["trial"]
    built = package.verify(Path(tuned.found["path"]))
    chosen = next(one for one in candidates if one["trial"] == tuned.found["trial"])
    assert built.manifest.metrics["test"]["log_loss"] == chosen["test"]
    assert built.manifest.metrics["validation"]["log_loss"] == pytest.approx(chosen["validation"])
    assert set(built.manifest.metrics) == {"train", "validation", "test"}


def test_every_trial_is_a_run_under_one_parent(tuned: Tuned) -> None:
    """MLflow has parameters and value of each trial, the plots, the package, the data."""
    uri = f"sqlite:///{tuned.home / 'registry.db'}"
    client = MlflowClient(uri, registry_uri=uri)
    parent = client.get_run(tuned.found["run"])
    children = client.search_runs(
        [parent.info.experiment_id], f"tags.mlflow.parentRunId = '{parent.info.run_id}'"
    )
    recorded = {int(run.data.tags["interlock.trial"]): run.data for run in children}
    assert len(recorded) == 8
    for trial in tuned.trials["trials"]:
        data = recorded[trial["trial"]]
        assert data.params == {"strength": str(trial["parameters"]["strength"])}
        assert data.metrics == {"validation.log_loss": trial["validation"]}
        assert data.tags["interlock.outcome"] == "complete"
    files = {file.path for file in client.list_artifacts(parent.info.run_id, "study")}
    assert files == {"study/history.png", "study/importance.png", "study/trials.json"}
    assert client.list_artifacts(parent.info.run_id, "package")
    inputs: Any = parent.inputs
    assert len(inputs.dataset_inputs) == 3
    assert parent.info.status == "FINISHED"


def test_plots_are_pictures(tuned: Tuned) -> None:
    """Beside the package lie two PNG files that are not empty."""
    for name in ("history.png", "importance.png"):
        content = (Path(tuned.found["plots"]) / name).read_bytes()
        assert content.startswith(b"\x89PNG")
        assert len(content) > 5000


def test_a_killed_search_goes_on_as_if_it_had_not_been(
    tuned: Tuned, call: Call, home: Path, tmp_path: Path
) -> None:
    """After kill -9 in the fifth trial, the finished four stay, the fifth is repeated, and all
    that follows is what an undisturbed search tried.
    """
    file = make(tmp_path / "p", fit="dying")
    (tmp_path / "p" / "deadly").touch()
    killed = subprocess.run(
        [sys.executable, "-m", "interlock.cli", "tune", "--policy", file],
        env=os.environ | {"INTERLOCK_HOME": str(home)},
        capture_output=True,
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL
    (tmp_path / "p" / "deadly").unlink()
    done = call("tune", "--policy", file, "--json")
    assert "going on with 4 finished trials" in done.stderr
    found = json.loads(done.stdout)
    trials = json.loads((Path(found["plots"]) / "trials.json").read_text())
    assert [trial["trial"] for trial in trials["trials"]] == [0, 1, 2, 3, 5, 6, 7, 8]
    assert parameters(trials) == parameters(tuned.trials)
    assert found["parameters"] == tuned.found["parameters"]
    with study.opened(Job.read(file), home / "tune") as opened:
        assert opened.optuna.trials[4].state.name == "FAIL"
    assert list(children(home).values()) == [8]
    # Eight trials, the deadly fit, and the three that were judged on test.
    assert len(list((tmp_path / "p").glob("fit-*"))) == 8 + 1 + 3


def test_a_person_can_stop_it(call: Call, home: Path, tmp_path: Path) -> None:
    """Ctrl-C ends it with a sentence; what was found is kept and nothing is left running."""
    file = make(tmp_path / "p", fit="dying")
    (tmp_path / "p" / "stopped").touch()
    done = call("tune", "--policy", file)
    assert done.exit_code == 130
    assert "stopped after 4 of 8 trials; the same command goes on from there" in done.stderr
    job = Job.read(file)
    with study.opened(job, home / "tune") as opened:
        states = [trial.state.name for trial in opened.optuna.trials]
    assert states == ["COMPLETE"] * 4 + ["FAIL"]
    uri = f"sqlite:///{home / 'registry.db'}"
    client = MlflowClient(uri, registry_uri=uri)
    experiment = client.get_experiment_by_name("m")
    assert experiment is not None
    runs = client.search_runs([experiment.experiment_id])
    assert sorted(run.info.status for run in runs) == ["FINISHED"] * 4 + ["KILLED"]


def test_a_finished_search_is_not_repeated_unless_asked(
    call: Call, home: Path, tmp_path: Path
) -> None:
    """The same command fits the candidates only; --trials adds to it; --fresh begins anew."""
    file = make(tmp_path / "p", fit="dying", trials=4)

    def fits(*options: Any, out: str) -> int:
        before = len(list((tmp_path / "p").glob("fit-*")))
        call("tune", "--policy", file, "--out", tmp_path / out, *options)
        return len(list((tmp_path / "p").glob("fit-*"))) - before

    assert fits(out="a") == 4 + 3
    assert fits(out="b") == 3
    assert fits("--trials", 6, out="c") == 2 + 3
    assert fits("--fresh", out="d") == 4 + 3
    # Each came to a result of its own, with all the trials that it rests on.
    assert list(children(home).values()) == [4, 6, 4, 4]


def test_other_code_or_data_is_another_study(tmp_path: Path) -> None:
    """Values that cannot be compared are never mixed."""

    def name(folder: str, **options: Any) -> str:
        job = Job.read(make(tmp_path / folder, **options))
        with study.opened(job, tmp_path / "tune") as opened:
            return opened.name

    assert name("a") == name("b")
    assert name("c", fit="spying") != name("a")
    assert name("d", primary="brier") != name("a")
    make(tmp_path / "e")
    code = tmp_path / "e" / "model.py"
    code.write_text(code.read_text() + "\n# changed\n")
    with study.opened(Job.read(tmp_path / "e" / "interlock.toml"), tmp_path / "tune") as opened:
        assert opened.name != name("a")


def searched(
    file: Path, folder: Path, *, timeout: float = 0.0
) -> tuple[list[FrozenTrial], Selected]:
    """Finished trials and what was selected, without a registry."""
    job = Job.read(file)
    tune = job.policy.tune
    with study.opened(job, folder) as opened:
        tuning.search(job, opened, trials=tune.trials, timeout=timeout, heard=lambda _trial: None)
        selected = tuning.select(job, opened, top=tune.top, heard=lambda _step: None)
        return opened.finished(), selected


def test_hopeless_trials_are_pruned(tmp_path: Path) -> None:
    """A trial that reports worse than the median of the others ends there, is counted, and is
    never a candidate.
    """
    trials, selected = searched(make(tmp_path, fit="reporting", trials=12, startup=3), tmp_path)
    pruned = [trial for trial in trials if trial.state.name == "PRUNED"]
    assert len(trials) == 12
    assert pruned
    assert all(len(trial.intermediate_values) < 3 for trial in pruned)
    assert not {trial.number for trial in pruned} & {one.trial for one in selected.candidates}


def test_a_project_prunes_what_makes_no_sense(tmp_path: Path) -> None:
    """`Pruned`, raised by the project, is no failure; when all are, there is nothing to select."""
    _trials, selected = searched(make(tmp_path / "p", fit="choosy"), tmp_path)
    assert selected.fitted.parameters["strength"] >= 1
    file = make(tmp_path / "q", fit="choosy", trials=2)
    code = (tmp_path / "q" / "model.py").read_text()
    (tmp_path / "q" / "model.py").write_text(code.replace("strength < 1", "strength < 1e9"))
    with pytest.raises(EvidenceError, match="no trial came to a value"):
        searched(file, tmp_path)


def test_parameters_that_raised_do_not_come_again(tmp_path: Path) -> None:
    """The error names them and stops the search; the next attempt goes on with others."""
    file = make(tmp_path / "p", fit="raising")
    for _attempt in range(2):
        with pytest.raises(ZeroDivisionError, match="no gradient") as raised:
            searched(file, tmp_path)
        assert "This was trial" in raised.value.__notes__[0]
    trials, _selected = searched(file, tmp_path)
    assert len(trials) == 8
    tried = [(tmp_path / "p" / f"fit-{count}").read_text() for count in range(8 + 2)]
    assert len(set(tried)) == 8 + 2
    with study.opened(Job.read(file), tmp_path) as opened:
        said = [trial.user_attrs["raised"] for trial in opened.raised()]
    assert said == ["ZeroDivisionError('no gradient')"] * 2


def test_a_model_that_diverged_counts_as_pruned(tmp_path: Path) -> None:
    """Answers that are no numbers end the trial, not the search, and are never chosen."""
    trials, selected = searched(make(tmp_path, fit="diverging"), tmp_path)
    ended = {trial.state.name: trial.params["strength"] > 1 for trial in trials}
    assert ended == {"COMPLETE": False, "PRUNED": True}
    assert all((trial.params["strength"] > 1) == (trial.value is None) for trial in trials)
    assert selected.fitted.parameters["strength"] <= 1


def test_time_is_limited(tmp_path: Path) -> None:
    """No trial begins after the limit; what there is by then is selected from."""
    trials, _selected = searched(make(tmp_path, trials=1000), tmp_path, timeout=0.01)
    assert 1 <= len(trials) < 10


def test_higher_is_better_for_accuracy(tmp_path: Path) -> None:
    """A metric that is better high is searched upwards, on validation and on test."""
    trials, selected = searched(make(tmp_path, primary="accuracy", trials=5), tmp_path)
    assert selected.candidates[0].validation == max(trial.value or 0 for trial in trials)
    best = max(one.test for one in selected.candidates)
    assert selected.fitted.figures["test"]["accuracy"] == best


def test_a_figure_that_is_no_number_is_refused(tmp_path: Path) -> None:
    """Rows that cannot tell the metric end the search, and the trial is not left running."""
    file = make(tmp_path, primary="recall:nowhere")
    with pytest.raises(EvidenceError, match="nowhere"):
        searched(file, tmp_path)
    with study.opened(Job.read(file), tmp_path) as opened:
        assert [trial.state.name for trial in opened.optuna.trials] == ["FAIL"]


def test_two_searches_in_one_study_are_refused(tmp_path: Path) -> None:
    """The second is told; when the first has ended, it may."""
    job = Job.read(make(tmp_path / "p"))
    with (
        study.opened(job, tmp_path / "tune"),
        pytest.raises(ConflictError, match="another search in the study m-"),
        study.opened(job, tmp_path / "tune"),
    ):
        pass
    with study.opened(job, tmp_path / "tune") as opened:
        assert opened.finished() == []


def test_people_see_the_candidates(call: Call, tmp_path: Path) -> None:
    """The table marks the one that was taken, and says where the plots are."""
    done = call("tune", "--policy", make(tmp_path / "p", trials=4), "--register")
    assert done.stdout.splitlines()[0].split() == ["trial", "validation", "test", "parameters"]
    assert " * " in done.stdout
    assert "m:1.0.0 is registered" in done.stdout
    assert "m-1.0.0-study" in done.stdout
