"""`interlock train`: from the rows to a package that is on record."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from mlflow.tracking import MlflowClient

from interlock import package
from interlock.data import seen
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


@pytest.mark.filterwarnings("ignore:small classes")
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


def test_a_package_says_which_rows_trained_and_chose_it(call: Call, tmp_path: Path) -> None:
    """Those of train, validation and test are known to it; those that judge it are not."""
    file = make(tmp_path)
    built = package.read(Path(json.loads(call("train", "--policy", file, "--json").stdout)["path"]))
    found = Job.read(file).parts
    assert built.manifest.seen is not None
    assert built.manifest.seen.parts == {
        name: len(found[name]) for name in ("train", "validation", "test")
    }
    for part in ("holdout", "staging"):
        assert seen.refuse(found[part], built, part) == "none"
    for part in ("train", "validation", "test"):
        with pytest.raises(LeakageError, match=f"{len(found[part])} of {len(found[part])} "):
            seen.refuse(found[part], built, part)


def test_a_package_says_which_groups_it_has_seen(call: Call, tmp_path: Path) -> None:
    """Under splits by group, another row of a patient who was trained on is known."""
    file = make(tmp_path, data='group = "who"')
    file.write_text(file.read_text() + '[splits]\nby = "group"\n')
    code = (tmp_path / "model.py").read_text()
    who = '"who": np.arange(400) // 4, "x": x'
    (tmp_path / "model.py").write_text(code.replace('"x": x', who))
    built = package.read(Path(json.loads(call("train", "--policy", file, "--json").stdout)["path"]))
    found = Job.read(file).parts
    facts = built.manifest.seen
    assert facts is not None
    assert (facts.group, facts.columns) == ("who", ("x", "y"))
    assert facts.groups == sum(facts.parts.values()) / 4
    assert seen.refuse(found["holdout"], built, "holdout") == "none"
    features: Any = found["train"].features
    moved = dataclasses.replace(found["train"], features=features + 1.0)
    with pytest.raises(LeakageError, match="groups of holdout rows are among"):
        seen.refuse(moved, built, "holdout")


def test_a_class_that_a_part_lacks_is_one_line_of_warning(home: Path, tmp_path: Path) -> None:
    """Whoever trains is told, without a traceback or a path of ours."""
    file = make(tmp_path)
    code = (tmp_path / "model.py").read_text()
    rare = code.replace("return pd.DataFrame(", "frame = pd.DataFrame(", 1)
    last = "\n    frame.loc[:2, 'label'] = 'rare'\n    return frame\n\n\ndef fit("
    (tmp_path / "model.py").write_text(rare.replace("\n\n\ndef fit(", last, 1))
    done = subprocess.run(
        [sys.executable, "-m", "interlock.cli", "train", "--policy", str(file)],
        env={**os.environ, "INTERLOCK_HOME": str(home)},
        capture_output=True,
        text=True,
        check=True,
    )
    (told,) = [line for line in done.stderr.splitlines() if "small classes" in line]
    assert told == "warning: small classes: 'rare' has 3 rows and none in test, holdout, staging"
    assert "splits.py" not in done.stderr
