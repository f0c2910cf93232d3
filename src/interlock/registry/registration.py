"""Registering a package once, though MLflow has no unique tags."""

from __future__ import annotations

from typing import TYPE_CHECKING

from interlock.errors import ConflictError, UnknownError
from interlock.package import Package
from interlock.registry.version import Version

if TYPE_CHECKING:
    from interlock.registry.backend import Backend


def register(backend: Backend, found: Package) -> Version:
    """Make a version of a package, or give the one that it is already.

    Two people can register at the same moment. So the list is read once more afterwards; the
    version with the lower number stays and ours is taken back.

    Raises
    ------
    ConflictError
        When its semantic version is taken by another package.
    """
    other = rival(backend, found, ours=None)
    if other is not None:
        return _agreed(found, other)
    made = backend.create(found)
    other = rival(backend, found, ours=made)
    if other is not None:
        backend.discard(made)
        return _agreed(found, other)
    return made


def rival(backend: Backend, found: Package, ours: Version | None) -> Version | None:
    """The first version with the digest or the semantic version of `found`, other than ours."""
    try:
        versions = backend.versions(found.name)
    except UnknownError:
        return None
    for version in versions:
        if ours is not None and version.number >= ours.number:
            return None
        if found.digest == version.digest or found.version == version.version:
            return version
    return None


def _agreed(found: Package, rival: Version) -> Version:
    if rival.digest == found.digest:
        return rival
    raise ConflictError(
        f"{rival} is registered already, as another package ({rival.digest});"
        f" this one is {found.digest}. Build it with a higher version."
    )
