"""`interlock train`: from the rows to a package that is on record."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from mlflow.tracking import MlflowClient

from interlock import package
from interlock.errors import ConfigurationError, LeakageError, PackageError
from interlock.registry import Registry
from interlock.settings import Settings
from interlock.train.job import Job

from .conftest import Call
from .projects import make


@pytest.fixture
def mlflow(home: Path) -> MlflowClient:
    """The MLflow that everything went to."""
    uri = f"sqlite:///{home / 'registry.db'}"
    return MlflowClient(uri, registry_uri=uri)


def test_a_package_comes_with_its_figures(call: Call, tmp_path: Path) -> None:
    """Figures of train, validation and test are in the package; the holdout was not looked at."""
    file = make(tmp_path / "p")
    done = call("train", "--policy", file, "--json")
    found = json.loads(done.stdout)
    built = package.verify(tmp_path / "p" / "dist" / "m-1.0.0")
    assert (found["version"], found["digest"]) == ("1.0.0", built.digest)
    assert set(built.manifest.metrics) == {"train", "validation", "test"}
    assert built.manifest.metrics["test"]["log_loss"] < found["baseline"]["test"]["log_loss"]
    assert built.manifest.data is not None
    assert built.manifest.data.rows == found["metrics"]["train"]["rows"] == 239
    assert built.manifest.data.columns == ("x", "y", "label")


def test_people_see_the_model_beside_the_trivial_answer(call: Call, tmp_path: Path) -> None:
    """The table has a column for each part and one for the baseline."""
    done = call("train", "--policy", make(tmp_path))
    head, first, *_ = done.stdout.splitlines()
    assert head.split() == ["metric", "train", "validation", "test", "baseline", "on", "test"]
    assert first.split()[0] == "log_loss"
    assert "m 1.0.0 is in" in done.stdout


def test_parameters_are_set_from_outside(call: Call, tmp_path: Path) -> None:
    """Numbers, truths and words reach `fit` as such."""
    options = ("--set", "strength=0.5", "--set", "fit_intercept=false", "--json")
    found = json.loads(call("train", "--policy", make(tmp_path), *options).stdout)
    assert found["parameters"] == {"strength": 0.5, "fit_intercept": False}
    with pytest.raises(ConfigurationError, match="write NAME=VALUE"):
        call("train", "--policy", make(tmp_path), "--set", "strength")


def test_everything_is_on_record(call: Call, mlflow: MlflowClient, tmp_path: Path) -> None:
    """MLflow has parameters, figures, the digest of each part, the policy and the package."""
    file = make(tmp_path / "p", name="beats")
    found = json.loads(call("train", "--policy", file, "--json").stdout)
    run = mlflow.get_run(found["run"])
    experiment = mlflow.get_experiment_by_name("beats")
    assert experiment is not None
    assert (run.info.experiment_id, run.info.status) == (experiment.experiment_id, "FINISHED")
    assert run.data.params == {"strength": "1.0", "fit_intercept": "True"}
    assert run.data.metrics["test.log_loss"] == found["metrics"]["test"]["log_loss"]
    assert run.data.metrics["baseline.test.log_loss"] == found["baseline"]["test"]["log_loss"]
    assert run.data.tags["interlock.digest"] == found["digest"]
    parts = Job.read(file).parts
    inputs: Any = run.inputs
    recorded = {
        data.dataset.name: json.loads(data.dataset.profile) for data in inputs.dataset_inputs
    }
    assert recorded == {
        name: {"num_rows": len(parts[name]), "digest": parts[name].digest}
        for name in ("train", "validation", "test")
    }
    kept = Path(mlflow.download_artifacts(run.info.run_id, "package", str(tmp_path)))
    assert package.verify(kept).digest == found["digest"]
    assert "interlock.toml" in {file.path for file in mlflow.list_artifacts(run.info.run_id)}


def test_a_fit_that_fails_is_on_record_as_failed(
    call: Call, mlflow: MlflowClient, tmp_path: Path
) -> None:
    """The project's own error comes through, and the run says that it failed."""
    with pytest.raises(ValueError, match=r"C"):
        call("train", "--policy", make(tmp_path), "--set", "strength=-1")
    experiment = mlflow.get_experiment_by_name("m")
    assert experiment is not None
    (run,) = mlflow.search_runs([experiment.experiment_id])
    assert run.info.status == "FAILED"
    assert not (tmp_path / "dist").exists()


def test_the_newest_registered_version_is_followed(call: Call, home: Path, tmp_path: Path) -> None:
    """Without --previous the highest version in the registry is the parent."""
    file = make(tmp_path / "p")
    first = json.loads(call("train", "--policy", file, "--register", "--json").stdout)
    second = json.loads(
        call("train", "--policy", file, "--set", "strength=2", "--register", "--json").stdout
    )
    assert (first["version"], second["version"]) == ("1.0.0", "1.0.1")
    assert package.read(Path(second["path"])).manifest.parents == (first["digest"],)
    registry = Registry(Settings(home=home))
    assert [version.version for version in registry.versions("m")] == ["1.0.0", "1.0.1"]
    registry.close()


def test_what_is_in_the_way_is_found_before_anything_is_fitted(call: Call, tmp_path: Path) -> None:
    """A second first version is refused at once, and says what can be done."""
    file = make(tmp_path, fit="spying")
    call("train", "--policy", file)
    (tmp_path / "seen.json").unlink()
    with pytest.raises(PackageError, match="exists already: remove it, choose another --out"):
        call("train", "--policy", file)
    with pytest.raises(PackageError, match="exists already"):
        call("train", "--policy", file, "--out", tmp_path / "dist")
    assert not (tmp_path / "seen.json").exists()
    call("train", "--policy", file, "--previous", tmp_path / "dist" / "m-1.0.0")
    assert package.read(tmp_path / "dist" / "m-1.0.1").manifest.parents


def test_a_version_that_is_there_is_never_overwritten(call: Call, tmp_path: Path) -> None:
    """Nothing half-built is left either."""
    file = make(tmp_path)
    call("train", "--policy", file)
    previous = ("--previous", tmp_path / "dist" / "m-1.0.0")
    call("train", "--policy", file, *previous)
    with pytest.raises(PackageError, match=r"m-1\.0\.1 exists already"):
        call("train", "--policy", file, *previous)
    assert {path.name for path in (tmp_path / "dist").iterdir()} == {"m-1.0.0", "m-1.0.1"}


def test_rows_that_leak_are_refused_before_training(call: Call, tmp_path: Path) -> None:
    """A source with twins does not get as far as `fit`."""
    file = make(tmp_path, fit="spying")
    code = (tmp_path / "model.py").read_text()
    (tmp_path / "model.py").write_text(
        code.replace("random.normal(size=(2, 400))", "np.ones((2, 400))")
    )
    with pytest.raises(LeakageError, match="have the same features"):
        call("train", "--policy", file)
    assert not (tmp_path / "seen.json").exists()
