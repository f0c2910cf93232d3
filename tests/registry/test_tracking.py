"""Runs of training in MLflow: what is written can be read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from mlflow.tracking import MlflowClient

from interlock.errors import UnknownError
from interlock.registry import Registry
from interlock.registry.tracking import Part

DIGEST = "sha256:" + "0123456789abcdef" * 4


@pytest.fixture
def client(home: Path) -> MlflowClient:
    """MLflow's own eyes on the registry of the test."""
    uri = f"sqlite:///{home / 'registry.db'}"
    return MlflowClient(uri, registry_uri=uri)


def test_a_run_keeps_what_is_logged(registry: Registry, client: MlflowClient) -> None:
    """Parameters as text (cut where MLflow would refuse), metrics under names that it takes."""
    run = registry.tracking.start("beats", "train")
    registry.tracking.log(
        run,
        parameters={"depth": 3, "long": "x" * 9000},
        metrics={"test.recall:r-on-t": 0.5},
        tags={"interlock.trial": 7},
    )
    registry.tracking.end(run)
    data = client.get_run(run).data
    assert data.params["depth"] == "3"
    assert data.params["long"] == "x" * 6000
    assert data.metrics == {"test.recall_r-on-t": 0.5}
    assert data.tags["interlock.trial"] == "7"
    assert client.get_run(run).info.status == "FINISHED"


def test_runs_nest_and_go_on(registry: Registry, client: MlflowClient) -> None:
    """A nested run names its parent; a run that ended can be opened again."""
    parent = registry.tracking.start("beats", "tune")
    child = registry.tracking.start("beats", "trial 0", parent=parent)
    registry.tracking.end(parent, "KILLED")
    assert client.get_run(parent).info.status == "KILLED"
    registry.tracking.reopen(parent)
    assert client.get_run(parent).info.status == "RUNNING"
    assert client.get_run(child).data.tags["mlflow.parentRunId"] == parent


def test_data_are_known_by_their_whole_digest(registry: Registry, client: MlflowClient) -> None:
    """MLflow's own digest is short; the profile of the dataset has the whole one."""
    run = registry.tracking.start("beats", "train")
    registry.tracking.read_from(run, [Part("train", "rows.parquet", DIGEST, 240)])
    inputs: Any = client.get_run(run).inputs
    (found,) = inputs.dataset_inputs
    assert json.loads(found.dataset.profile) == {"num_rows": 240, "digest": DIGEST}
    assert DIGEST.removeprefix("sha256:").startswith(found.dataset.digest)
    assert [tag.value for tag in found.tags] == ["train"]


def test_files_and_folders_are_kept(
    registry: Registry, client: MlflowClient, tmp_path: Path
) -> None:
    """A file goes to the top, a folder under its name."""
    (tmp_path / "plots").mkdir()
    (tmp_path / "plots" / "a.png").write_text("a")
    (tmp_path / "policy.toml").write_text("b")
    run = registry.tracking.start("beats", "train")
    registry.tracking.attach(run, tmp_path / "plots", "study")
    registry.tracking.attach(run, tmp_path / "policy.toml")
    assert [file.path for file in client.list_artifacts(run)] == ["policy.toml", "study"]
    assert [file.path for file in client.list_artifacts(run, "study")] == ["study/a.png"]


def test_a_run_that_is_gone_is_unknown(registry: Registry) -> None:
    """What was deleted cannot be gone on with."""
    with pytest.raises(UnknownError):
        registry.tracking.reopen("0" * 32)
