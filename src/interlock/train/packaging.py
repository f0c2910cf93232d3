"""From a fitted model to its package: which version it follows, and where it goes."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

from interlock import package
from interlock.data import seen
from interlock.errors import PackageError, UnknownError
from interlock.package import Package, semver
from interlock.registry import Registry
from interlock.train.fitted import JUDGED, Fitted
from interlock.train.job import Job

Notify: TypeAlias = Callable[[str], object]


def previous(registry: Registry, name: str) -> Path | None:
    """The package of the highest version that is registered under `name`; None without one."""
    try:
        versions = registry.versions(name)
    except UnknownError:
        return None
    if not versions:
        return None
    return registry.fetch(max(versions, key=lambda version: semver.parse(version.version)))


def refuse_occupied(job: Job, out: Path | None, before: Path | None) -> None:
    """Refuse, before anything is fitted, what the build would refuse in the end."""
    place = out or (None if before else job.folder / "dist" / f"{job.name}-{semver.FIRST}")
    if place is not None and place.exists():
        raise PackageError(
            f"{place} exists already: remove it, choose another --out,"
            " or say with --previous that the new package follows it"
        )


def build(
    job: Job,
    fitted: Fitted,
    *,
    before: Path | None = None,
    out: Path | None = None,
    notify: Notify = lambda _step: None,
) -> Package:
    """The package of `fitted`, in `out` or else in ``dist/NAME-VERSION`` beside the policy.

    Raises
    ------
    PackageError
        When there is something already; and what `interlock.package.build` raises.
    """
    dist = job.folder / "dist"
    built = package.build(
        fitted.model,
        **job.policy.build_options(),
        signature=fitted.signature,
        sample=job.data.validation.features,
        training_data=_with_truth(job),
        seen=seen.record(
            {part: job.parts[part] for part in JUDGED if part in job.parts},
            group=job.policy.data.group,
        ),
        metrics=fitted.figures,
        previous=before,
        out=out or dist / f".{job.name}.{uuid.uuid4().hex[:8]}",
        notify=notify,
    )
    return built if out else _named(built, dist)


def _named(built: Package, dist: Path) -> Package:
    target = dist / f"{built.name}-{built.version}"
    if target.exists():
        shutil.rmtree(built.path)
        raise PackageError(
            f"{target} exists already, and a package is never overwritten:"
            " register it, remove it, or choose another --out"
        )
    return package.read(built.path.rename(target))


def _with_truth(job: Job) -> Any:
    """Features and truth under one roof, for the fingerprint of the training data."""
    train, label = job.data.train, job.policy.data.label
    if isinstance(train.features, dict):
        return {**train.features, label: train.truth}
    return train.features.assign(**{label: list(train.truth)})
