"""Packages in the registry: how they come in, how they are found, and how they are fetched."""

from __future__ import annotations

from pathlib import Path

import msgspec

from interlock import package
from interlock.errors import ConfigurationError, RegistryError, UnknownError
from interlock.registry import reconcile, registration
from interlock.registry.connection import Connection
from interlock.registry.reference import Reference, check_name, check_version, parse
from interlock.registry.version import Version


class Packages(Connection):
    """Versions and the packages that they are."""

    def register(self, path: Path) -> Version:
        """Register the package at `path`, after checking every byte of it.

        A package that is registered already is not registered again: its version is returned.

        Raises
        ------
        IntegrityError
            When the package is damaged.
        ConflictError
            When its semantic version is taken by another package.
        """
        found = package.verify(Path(path))
        check_name(found.name)
        check_version(found.version)
        made = registration.register(self._backend, found)
        self.cache.remember(made.name, made.version, made.digest)
        return made

    def models(self) -> list[str]:
        """Names of the models, sorted."""
        return self._versions.models()

    def versions(self, name: str) -> list[Version]:
        """Versions of the model `name`, oldest first; UnknownError when there is no such model."""
        try:
            found = self._versions.versions(check_name(name))
        except UnknownError:
            raise self._no_model(name) from None
        entries = self._history.entries(name)
        forced = reconcile.forced(entries)
        return [
            msgspec.structs.replace(
                one,
                forced=tuple(sorted(forced.get(one.number, ()))),
                foreign=reconcile.foreign(entries, one),
            )
            for one in found
        ]

    def resolve(self, reference: Reference | str) -> Version:
        """The version that `reference` means now.

        Raises
        ------
        UnknownError
            When there is no such model, alias or version; names those there are.
        """
        wanted = parse(reference) if isinstance(reference, str) else reference
        try:
            found = self._look_up(wanted)
        except (UnknownError, ConfigurationError):
            # MLflow calls an alias that it does not know an invalid parameter.
            raise self._unknown(wanted) from None
        if found is None:
            raise UnknownError(
                f"{wanted} was not registered by Interlock: it has no digest."
                " Build a package of it and register that."
            )
        return found

    def pull(self, reference: Reference | str) -> Path:
        """The package that `reference` means, as a verified directory in the local cache.

        Without MLflow or a network when the package is cached and `reference` is a digest, or a
        semantic version that was seen before. A damaged copy is fetched anew.

        Raises
        ------
        IntegrityError
            When the registry's files are not the ones that were registered.
        """
        wanted = parse(reference) if isinstance(reference, str) else reference
        return self._cached(wanted) or self.fetch(self.resolve(wanted))

    def fetch(self, version: Version, *, anew: bool = False) -> Path:
        """The package of a version that was resolved before, as `pull` gives it.

        With `anew` the registry's files are fetched and checked even when the cache has a copy.
        """
        path = self.cache.put(
            version.digest, lambda scratch: self._backend.download(version, scratch), anew=anew
        )
        self.cache.remember(version.name, version.version, version.digest)
        return path

    def _look_up(self, wanted: Reference) -> Version | None:
        if wanted.alias is not None:
            return self._versions.behind(wanted.name, wanted.alias)
        return self._versions.find(wanted.name, version=wanted.version, digest=wanted.digest)

    def _cached(self, wanted: Reference) -> Path | None:
        digest = wanted.digest
        if wanted.version is not None:
            digest = self.cache.known(wanted.name, wanted.version)
        return self.cache.find(digest) if digest else None

    def _no_model(self, name: str) -> UnknownError:
        models = ", ".join(self._versions.models()) or "none yet"
        return UnknownError(f"no model is called {name!r}; the registry has: {models}")

    def _unknown(self, wanted: Reference) -> RegistryError:
        try:
            versions = self._versions.versions(wanted.name)
        except UnknownError:
            return self._no_model(wanted.name)
        there = "; ".join(_described(version) for version in versions) or "no versions"
        return UnknownError(f"there is no {wanted}; {wanted.name} has: {there}")


def _described(version: Version) -> str:
    return (
        f"{version.version} ({', '.join(version.aliases)})" if version.aliases else version.version
    )
