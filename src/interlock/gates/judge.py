"""From a version in the registry to an outcome that the registry keeps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from interlock import package as packages
from interlock.errors import ConfigurationError, IntegrityError, PackageError, RegistryError
from interlock.gates import report, runner
from interlock.gates.case import Case
from interlock.gates.runner import Notify, Outcome, Subject
from interlock.package import Package
from interlock.policy import Policy
from interlock.registry import Registry, Version, looks

CHAMPION = "champion"


def judge(
    registry: Registry,
    version: Version,
    policy: Policy,
    names: Sequence[str],
    *,
    folder: Path,
    files: Mapping[str, Path | None],
    notify: Notify,
) -> Outcome:
    """Run the gates called `names` on a version. Nothing is recorded yet but the looks.

    Parameters
    ----------
    folder
        The directory of the policy.
    files
        Rows by ``holdout`` and ``staging`` that take the place of the policy's.

    Raises
    ------
    ConfigurationError
        When the policy is of another model.
    RegistryError
        When what is champion was not registered by Interlock, or the package cannot be fetched.
    """
    if policy.model.name != version.name:
        raise ConfigurationError(
            f"the policy is of the model {policy.model.name!r}, not of {version.name!r}"
        )
    champion = _champion(registry, version.name)
    subject = _subject(version, champion)
    try:
        # What others would get is judged, not a copy from before somebody meddled with it.
        path = registry.fetch(version, anew=True)
    except IntegrityError as error:
        return runner.refused(subject, names, policy, str(error))
    with TemporaryDirectory(prefix="interlock-gates-") as scratch:
        case = Case(
            policy=policy,
            folder=folder,
            challenger=packages.read(path),
            champion=champion.package if champion else None,
            lost=champion.lost if champion else "",
            scratch=Path(scratch),
            book=registry,
            holdout_file=files.get("holdout"),
            staging_file=files.get("staging"),
        )
        return runner.run(case, names, notify, subject)


def keep(
    registry: Registry, version: Version, outcome: Outcome, policy: Policy, folder: Path
) -> Path:
    """Record the findings, write the reports into `folder` and add them to the version's files.

    Returns the path of the page.
    """
    registry.record(outcome.evidence())
    seen = dict.fromkeys(one.holdout for one in outcome.findings if one.holdout)
    spent = {digest: looks.spent(registry.looks(digest)) for digest in seen}
    page = report.write(outcome, policy, spent, folder)
    with TemporaryDirectory(prefix="interlock-report-") as scratch:
        # Only what this run wrote: the folder may hold other things.
        for name in (report.HTML, report.JSON):
            (Path(scratch) / name).write_bytes((folder / name).read_bytes())
        registry.attach(version, Path(scratch), f"gates/{outcome.run}")
    return page


class _Live(NamedTuple):
    """What is champion: its package, or why that cannot be had."""

    version: str
    digest: str | None
    package: Package | None
    lost: str = ""


def _champion(registry: Registry, name: str) -> _Live | None:
    held = [one for one in registry.history(name) if one.alias == CHAMPION and one.end is None]
    if not held or held[-1].gone:
        return None
    version, digest = held[-1].version, held[-1].digest
    if version is None:
        raise RegistryError(
            f"champion of {name} is MLflow's version {held[-1].number}, which Interlock did not"
            " register: there is nothing to compare with. Put champion on a version that it did."
        )
    try:
        return _Live(version, digest, packages.read(registry.pull(f"{name}:{version}")))
    except (PackageError, RegistryError) as error:
        return _Live(version, digest, None, _LOST.format(name=name, version=version, error=error))


_LOST = (
    "The champion, {version}, cannot be had: {error}. Put its files back (who serves it has them in"
    " its cache; `interlock model pull {name}:{version}` tells when they are whole), or go back to"
    " the champion before with `interlock model rollback {name}`."
)


def _subject(version: Version, champion: _Live | None) -> Subject:
    return Subject(
        name=version.name,
        version=version.version,
        digest=version.digest,
        champion=champion.version if champion else None,
        champion_digest=champion.digest if champion else None,
    )
