"""The versions of one deployment that are loaded, and the route that shares requests out."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from interlock.errors import VersionNotFoundError
from interlock.routing.route import Route
from interlock.serve.served import Served
from interlock.serve.table import Deployment


class Lineup(NamedTuple):
    """What is loaded for `deployment`; its champion comes first.

    Versions that are `missing` could not be loaded: without them there is no route.
    """

    deployment: Deployment
    versions: tuple[Served, ...]
    missing: tuple[str, ...] = ()

    @property
    def main(self) -> Served:
        """The champion: what is told of a deployment is told of it."""
        return self.versions[0]

    @property
    def route(self) -> Route | None:
        return self.deployment.route

    def find(self, digest: str) -> Served:
        """The loaded version with that digest; the table has every one that its route names."""
        return next(one for one in self.versions if one.deployment.digest == digest)

    def shadows(self) -> list[Served]:
        """The versions that run in the shadow of others."""
        return [self.find(one.digest) for one in self.route.shadows] if self.route else []


def not_served(name: str, versions: Iterable[str], asked: str) -> VersionNotFoundError:
    """What is said to who asks for a version that is not loaded."""
    return VersionNotFoundError(
        f"{name} is not served in version {asked}", expected=" or ".join(versions), got=asked
    )
