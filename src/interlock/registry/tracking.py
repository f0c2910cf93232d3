"""Runs of training in MLflow: what went in, what came out. The model registry beside it keeps
the versions that came of them.

Importing this module imports MLflow: use `connect`.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeAlias

import msgspec
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, RunTag
from mlflow.utils.mlflow_tags import MLFLOW_DATASET_CONTEXT, MLFLOW_PARENT_RUN_ID

from interlock.registry.backend import Backend, metric_name

End: TypeAlias = Literal["FINISHED", "KILLED", "FAILED"]

_LONGEST_PARAMETER = 6000
_LONGEST_DIGEST = 36
_BATCH = 100


class Part(NamedTuple):
    """One part of the data, as a run records it; `digest` is ``sha256:…``."""

    name: str
    source: str
    digest: str
    rows: int


class Tracking(Backend):
    """Experiments and runs. Raises RegistryError as `Backend` does."""

    def start(self, experiment: str, name: str, *, parent: str | None = None) -> str:
        """A new run, nested in `parent`; returns its id."""
        tags = {MLFLOW_PARENT_RUN_ID: parent} if parent else {}
        with self._translated():
            run = self._client.create_run(self._experiment(experiment), run_name=name, tags=tags)
        return str(run.info.run_id)

    def reopen(self, run: str) -> None:
        """Go on with a run that ended."""
        with self._translated():
            self._client.update_run(run, status="RUNNING")

    def log(
        self,
        run: str,
        *,
        parameters: Mapping[str, Any] | None = None,
        metrics: Mapping[str, float] | None = None,
        tags: Mapping[str, Any] | None = None,
    ) -> None:
        """Write down parameters, metrics and tags, in one go.

        A parameter that is logged already must have the same value: MLflow changes none.
        """
        now = int(time.time() * 1000)
        kept = {key: str(value)[:_LONGEST_PARAMETER] for key, value in (parameters or {}).items()}
        with self._translated():
            self._client.log_batch(
                run,
                metrics=[Metric(metric_name(k), v, now, 0) for k, v in (metrics or {}).items()],
                params=[Param(key, value) for key, value in kept.items()],
                tags=[RunTag(key, str(value)) for key, value in (tags or {}).items()],
            )

    def read_from(self, run: str, parts: list[Part]) -> None:
        """Say which rows the run has seen, each part with its digest."""
        with self._translated():
            self._client.log_inputs(run, [_input(part) for part in parts])

    def attach(self, run: str, path: Path, folder: str | None = None) -> None:
        """Keep a file, or all files of a directory, among the run's artefacts under `folder`."""
        upload = self._client.log_artifacts if path.is_dir() else self._client.log_artifact
        with self._translated():
            upload(run, str(path), folder)

    def end(self, run: str, how: End = "FINISHED") -> None:
        """The run is over."""
        with self._translated():
            self._client.set_terminated(run, how)


def _input(part: Part) -> DatasetInput:
    profile = msgspec.json.encode({"num_rows": part.rows, "digest": part.digest}).decode()
    dataset = Dataset(
        name=part.name,
        # MLflow takes no longer digest; the whole one is in the profile.
        digest=part.digest.removeprefix("sha256:")[:_LONGEST_DIGEST],
        source_type="interlock",
        source=msgspec.json.encode({"source": part.source, "part": part.name}).decode(),
        profile=profile,
    )
    return DatasetInput(dataset, [InputTag(MLFLOW_DATASET_CONTEXT, part.name)])
