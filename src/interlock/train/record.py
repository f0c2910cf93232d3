"""What goes on record of training, in MLflow: parameters, figures, data, files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from interlock.errors import UnknownError
from interlock.package import Package
from interlock.registry.tracking import Part, Tracking
from interlock.train.fitted import JUDGED, Fitted
from interlock.train.job import Job


class Record:
    """One run in the experiment that has the name of the model; `recording` begins and ends it."""

    def __init__(self, tracking: Tracking, job: Job, run: str) -> None:
        self.run = run
        self._tracking = tracking
        self._job = job

    def trial(
        self, number: int, parameters: Mapping[str, Any], outcome: str, figures: Mapping[str, float]
    ) -> str:
        """A nested run for one trial; returns its id."""
        run = self._tracking.start(self._job.name, f"trial {number}", parent=self.run)
        tags = {"interlock.trial": number, "interlock.outcome": outcome}
        self._tracking.log(run, parameters=parameters, metrics=figures, tags=tags)
        self._tracking.end(run)
        return run

    def fitted(self, fitted: Fitted) -> None:
        """Parameters and figures, those of the trivial answer beside them."""
        named = {
            f"{prefix}{part}.{name}": value
            for prefix, by_part in (("", fitted.figures), ("baseline.", fitted.baseline))
            for part, figures in by_part.items()
            for name, value in figures.items()
        }
        self._tracking.log(self.run, parameters=fitted.parameters, metrics=named)

    def built(self, package: Package) -> None:
        """The package and what it is called."""
        tags = {"interlock.version": package.version, "interlock.digest": package.digest}
        self._tracking.log(self.run, tags=tags)
        self._tracking.attach(self.run, package.path, "package")

    def attach(self, path: Path, folder: str | None = None) -> None:
        """Keep a file, or all files of a directory."""
        self._tracking.attach(self.run, path, folder)


@contextmanager
def recording(
    tracking: Tracking, job: Job, title: str, *, run: str | None = None
) -> Iterator[Record]:
    """A run with the data and the policy on record, ended as the block ends.

    `run` is one of an earlier attempt, to go on with if it is still there.
    """
    record = Record(tracking, job, _reopened(tracking, run) or tracking.start(job.name, title))
    if record.run != run:
        tracking.read_from(record.run, _parts(job))
        record.attach(job.file)
    try:
        yield record
    except BaseException as error:
        tracking.end(record.run, "KILLED" if isinstance(error, KeyboardInterrupt) else "FAILED")
        raise
    tracking.end(record.run)


def _reopened(tracking: Tracking, run: str | None) -> str | None:
    if run is None:
        return None
    try:
        tracking.reopen(run)
    except UnknownError:
        return None
    return run


def _parts(job: Job) -> list[Part]:
    """What training and selection see; the holdouts stay unseen."""
    source = job.policy.data.source
    return [
        Part(name, source, job.parts[name].digest, len(job.parts[name]))
        for name in JUDGED
        if name in job.parts
    ]
