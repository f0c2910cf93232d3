"""What a server serves: a small file that workers watch and replace their models by."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TypeAlias

import msgspec

from interlock.errors import ConfigurationError, FormatError
from interlock.package import reader
from interlock.routing.route import Route

_NAME = "table.json"

Stamp: TypeAlias = tuple[int, int]


class Deployment(msgspec.Struct, frozen=True, kw_only=True):
    """One named service and the package behind it.

    `reference` is what the operator asked for (``ecg@champion``), or empty when a directory was
    named outright; then `directory` is that name, which may be a link, and `path` what it led to.
    With a `route` it is the route's champion, and the other versions of the route are `beside` it.
    """

    name: str
    version: str
    digest: str
    path: str
    reference: str = ""
    directory: str = ""
    route: Route | None = None
    beside: tuple[Deployment, ...] = ()

    def versions(self) -> tuple[Deployment, ...]:
        """Each version that is loaded, without its route; the one that is champion first."""
        return (msgspec.structs.replace(self, route=None, beside=()), *self.beside)


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """All deployments of one server. `revision` grows by one with every change.

    Raises
    ------
    ConfigurationError
        When a name repeats, or there is no deployment at all.
    """

    deployments: tuple[Deployment, ...]
    revision: int = 1

    def __post_init__(self) -> None:
        names = [deployment.name for deployment in self.deployments]
        if not names:
            raise ConfigurationError("nothing to serve: name a model or a package")
        repeated = sorted({name for name in names if names.count(name) > 1})
        if repeated:
            raise ConfigurationError(
                f"{', '.join(repeated)}: two versions of one model cannot be served side by side"
            )

    def replace(self, changed: dict[str, Deployment]) -> Table:
        """The next revision, with the deployments in `changed` (by name) put in place."""
        return Table(
            deployments=tuple(changed.get(found.name, found) for found in self.deployments),
            revision=self.revision + 1,
        )


def describe(path: Path, reference: str = "") -> Deployment:
    """The deployment that serves the package at `path`, every byte of which is checked.

    See `package.verify` for what it raises.
    """
    found = reader.verify(path)
    return Deployment(
        name=found.name,
        version=found.version,
        digest=found.digest,
        path=str(found.path.resolve()),
        reference=reference,
        directory="" if reference else str(path.absolute()),
    )


def renewed(deployment: Deployment) -> Deployment:
    """What the deployment's directory holds by now; its name must still be the same."""
    found = describe(Path(deployment.directory))
    if found.name != deployment.name:
        raise ConfigurationError(
            f"{deployment.directory} now holds {found.name}, which is not what is served from it:"
            f" {deployment.name}"
        )
    return found


def write(run: Path, table: Table) -> None:
    """Put `table` in the run directory, whole or not at all."""
    partial = run / f"{_NAME}.{os.getpid()}"
    partial.write_bytes(msgspec.json.encode(table))
    partial.rename(run / _NAME)


def read(run: Path) -> Table:
    """The table of a run directory; raises FormatError when it is not one."""
    try:
        return msgspec.json.decode((run / _NAME).read_bytes(), type=Table)
    except msgspec.DecodeError as error:
        raise FormatError(f"{run / _NAME}: {error}") from error


def stamp(run: Path) -> Stamp:
    """What changes whenever the table does.

    The number of the file alone does not: the one after the next may get that of a table before.
    """
    found = (run / _NAME).stat()
    return found.st_ino, found.st_mtime_ns
