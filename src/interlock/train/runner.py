"""One training from the rows to the package, on record in MLflow."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from interlock.package import Package
from interlock.registry import Registry
from interlock.train import packaging
from interlock.train.fitted import Fitted, fit
from interlock.train.job import Job, Parameters
from interlock.train.packaging import Notify
from interlock.train.record import recording

STEPS = 7
"""How often `train` notifies: reading, fitting, and five times the build."""


class Trained(NamedTuple):
    """The package, the model that it was made of, and the MLflow run that has all of it."""

    package: Package
    fitted: Fitted
    run: str


def train(
    job: Job,
    registry: Registry,
    parameters: Parameters,
    *,
    before: Path | None,
    out: Path | None,
    notify: Notify,
) -> Trained:
    """Fit, judge, build.

    Parameters
    ----------
    before
        The package that the new one follows; None takes the highest registered version.
    out
        Where the package goes; None is ``dist/NAME-VERSION`` beside the policy.

    Raises
    ------
    ConfigurationError, EvidenceError, LeakageError
        When the data or the project's functions are not as the policy says.
    PackageError
        When the model cannot be packaged, or something is in its place already.
    RegistryError
        When MLflow cannot be reached.
    """
    before = before or packaging.previous(registry, job.name)
    packaging.refuse_occupied(job, out, before)
    notify("read and split the data")
    job.bound(parameters)
    with recording(registry.tracking, job, "train") as record:
        notify("fit")
        fitted = fit(job, parameters)
        record.fitted(fitted)
        built = packaging.build(job, fitted, before=before, out=out, notify=notify)
        record.built(built)
    return Trained(built, fitted, record.run)
