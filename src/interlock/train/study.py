"""A search that survives being killed: every trial is in a SQLite file as soon as it is known."""

from __future__ import annotations

import fcntl
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import optuna
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from interlock.errors import ConflictError
from interlock.train.job import Job

FINISHED = (TrialState.COMPLETE, TrialState.PRUNED)
"""Ends of a trial that count: it gave a value, or showed that it would give no good one."""
RAISED = "raised"
"""Where a failed trial has what it raised."""


class Study:
    """The trials of one search, oldest first. `opened` is the way in.

    What a trial tries depends on the seed and on the trials that ended before it, on nothing else.
    So a search that was killed goes on as if it had not been. A trial that raised has ended, too:
    its parameters would raise again, so the next attempt tries others.
    """

    def __init__(self, study: optuna.Study, seed: int, startup: int) -> None:
        self.optuna = study
        self._seed = seed
        self._startup = startup

    def ask(self) -> optuna.Trial:
        """The next trial."""
        self.optuna.sampler = optuna.samplers.TPESampler(
            seed=_seed(self._seed, len(self.finished()) + len(self.raised())),
            n_startup_trials=self._startup,
        )
        return self.optuna.ask()

    def finished(self) -> list[FrozenTrial]:
        """Trials that came to an end, pruned ones included."""
        return self.optuna.get_trials(deepcopy=False, states=FINISHED)

    def raised(self) -> list[FrozenTrial]:
        """Trials that ended in an error of their own, not because somebody stopped them."""
        failed = self.optuna.get_trials(deepcopy=False, states=(TrialState.FAIL,))
        return [trial for trial in failed if RAISED in trial.user_attrs]

    def seconds(self) -> float:
        """How long all finished trials took together."""
        taken = [trial.duration for trial in self.finished()]
        return sum(one.total_seconds() for one in taken if one is not None)

    def best(self, count: int) -> list[FrozenTrial]:
        """The best trials that have a value, best first, each set of parameters once."""
        done = self.optuna.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        sign = -1 if self.optuna.direction == StudyDirection.MAXIMIZE else 1
        ordered = sorted(done, key=lambda trial: (sign * (trial.value or 0.0), trial.number))
        distinct: dict[bytes, FrozenTrial] = {}
        for trial in ordered:
            distinct.setdefault(msgspec.json.encode(trial.params, order="sorted"), trial)
        return list(distinct.values())[:count]

    @property
    def name(self) -> str:
        return self.optuna.study_name

    def recall(self, key: str) -> Any:
        """What was noted under `key`; None where nothing was."""
        return self.optuna.user_attrs.get(key)

    def note(self, key: str, value: Any) -> None:
        """Keep `value`, which JSON can hold, with the study."""
        self.optuna.set_user_attr(key, value)


@contextmanager
def opened(job: Job, folder: Path, *, fresh: bool = False) -> Iterator[Study]:
    """The study of `job`, begun or gone on with, and locked until the block ends.

    A study belongs to its data, its code and its settings: when one of them changes, another
    begins. Trials that a killed search left running are marked as failed. `fresh` forgets
    what was found.

    Raises
    ------
    ConflictError
        When another process searches in the same study.
    """
    folder.mkdir(parents=True, exist_ok=True)
    name = f"{job.name}-{_key(job)}"
    with _locked(folder / f"{name}.lock", name):
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        storage = f"sqlite:///{(folder / f'{job.name}.db').resolve()}"
        if fresh:
            _forget(name, storage)
        tune = job.policy.tune
        study = optuna.create_study(
            storage=storage,
            study_name=name,
            direction="maximize" if job.metric.better == "higher" else "minimize",
            pruner=optuna.pruners.MedianPruner(n_startup_trials=tune.startup),
            load_if_exists=True,
        )
        _bury(study)
        yield Study(study, tune.seed, tune.startup)


def _bury(study: optuna.Study) -> None:
    """We hold the lock, so whoever ran these trials is gone."""
    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        study.tell(trial.number, state=TrialState.FAIL)


def _forget(name: str, storage: str) -> None:
    if name in optuna.get_all_study_names(storage):
        optuna.delete_study(study_name=name, storage=storage)


def _key(job: Job) -> str:
    """Short name for what trials can be compared by."""
    tune = job.policy.tune
    code = [file.read_bytes() for file in sorted(job.folder.glob("*.py"))]
    facts = [
        [job.data.train.digest, job.data.validation.digest, job.metric.name],
        [job.policy.train.fit, tune.space, tune.seed, tune.startup],
        [hashlib.sha256(content).hexdigest() for content in code],
    ]
    return hashlib.sha256(msgspec.json.encode(facts)).hexdigest()[:12]


def _seed(seed: int, trial: int) -> int:
    return int(np.random.SeedSequence([seed, trial]).generate_state(1)[0])


@contextmanager
def _locked(file: Path, name: str) -> Iterator[None]:
    with file.open("w") as opened_file:
        try:
            fcntl.flock(opened_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConflictError(f"another search in the study {name} is running") from None
        yield
