"""One search from the rows to the package of the best model, on record in MLflow."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import msgspec
from optuna.trial import FrozenTrial

from interlock.package import Package
from interlock.registry import Registry
from interlock.train import packaging, plots, tuning
from interlock.train.job import Job
from interlock.train.packaging import Notify
from interlock.train.record import Record, recording
from interlock.train.runner import Trained
from interlock.train.study import Study
from interlock.train.tuning import Selected

Heard: TypeAlias = Callable[[float | None], object]


class Tuned(NamedTuple):
    """What came of it: the package and its model, the candidates, and the folder with plots."""

    trained: Trained
    selected: Selected
    study: str
    folder: Path


class Tuner:
    """A search in `study`; its trials and what comes of them go on record.

    Parameters
    ----------
    heard
        Called after each trial with the best value so far, None without one.
    notify
        Called with the name of each step after the search.
    """

    def __init__(
        self, job: Job, registry: Registry, study: Study, *, heard: Heard, notify: Notify
    ) -> None:
        self._job = job
        self._registry = registry
        self._study = study
        self._heard = heard
        self._notify = notify

    def tune(self, *, trials: int, timeout: float, before: Path | None, out: Path | None) -> Tuned:
        """Search, select on test, build. Arguments are those of `search` and `runner.train`.

        Raises
        ------
        ConfigurationError
            When there are no test rows to choose by.
        EvidenceError
            When no trial came to a value.
        PackageError, RegistryError
            As `interlock.train.runner.train` does.
        """
        before = before or packaging.previous(self._registry, self._job.name)
        packaging.refuse_occupied(self._job, out, before)
        self._job.refuse_without("test", "choose the best of the search by")
        tracking = self._registry.tracking
        key = f"run {self._registry.address}"
        title = f"tune {self._study.name}"
        with recording(tracking, self._job, title, run=self._study.recall(key)) as record:
            self._study.note(key, record.run)
            self._search(record, trials=trials, timeout=timeout)
            # From here on the run has a result, and MLflow changes none: the next has its own.
            self._study.note(key, None)
            return self._complete(record, before, out)

    def _search(self, record: Record, *, trials: int, timeout: float) -> None:
        self._log(record)

        def heard(_trial: FrozenTrial) -> None:
            self._log(record)
            self._heard(best[0].value if (best := self._study.best(1)) else None)

        tuning.search(self._job, self._study, trials=trials, timeout=timeout, heard=heard)

    def _log(self, record: Record) -> None:
        """Put on record what is not: the last trial, and one that a kill kept from it."""
        key = f"logged {record.run}"
        logged = self._study.recall(key) or []
        for trial in self._study.finished():
            if trial.number not in logged:
                value = {} if trial.value is None else {f"validation.{self._metric}": trial.value}
                record.trial(trial.number, trial.params, trial.state.name.lower(), value)
                logged = [*logged, trial.number]
                self._study.note(key, logged)

    def _complete(self, record: Record, before: Path | None, out: Path | None) -> Tuned:
        job, notify = self._job, self._notify
        selected = tuning.select(job, self._study, top=job.policy.tune.top, heard=notify)
        record.fitted(selected.fitted)
        package = packaging.build(job, selected.fitted, before=before, out=out, notify=notify)
        notify("draw")
        folder = self._write(package, selected)
        record.attach(folder, "study")
        record.built(package)
        return Tuned(
            Trained(package, selected.fitted, record.run), selected, self._study.name, folder
        )

    def _write(self, package: Package, selected: Selected) -> Path:
        """Plots and a list of all trials, beside the package."""
        folder = package.path.with_name(f"{package.path.name}-study")
        plots.draw(self._study.optuna, folder, f"{self._metric} on validation")
        document = {
            "study": self._study.name,
            "metric": self._metric,
            "selected": selected.trial,
            "candidates": [candidate._asdict() for candidate in selected.candidates],
            "trials": [_facts(trial) for trial in self._study.finished()],
        }
        text = msgspec.json.format(msgspec.json.encode(document, enc_hook=str), indent=1)
        (folder / "trials.json").write_bytes(text + b"\n")
        return folder

    @property
    def _metric(self) -> str:
        return self._job.metric.name


def _facts(trial: FrozenTrial) -> dict[str, Any]:
    taken = trial.duration
    return {
        "trial": trial.number,
        "outcome": trial.state.name.lower(),
        "parameters": trial.params,
        "validation": trial.value,
        "steps": len(trial.intermediate_values),
        "seconds": None if taken is None else taken.total_seconds(),
    }
