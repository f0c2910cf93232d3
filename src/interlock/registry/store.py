"""The registry: what can be done with versions and their aliases."""

from __future__ import annotations

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from interlock import package
from interlock.errors import ConfigurationError, ConflictError, RegistryError, UnknownError
from interlock.package import Package
from interlock.registry import address, environment
from interlock.registry.cache import Cache
from interlock.registry.ledger import Ledger
from interlock.registry.periods import Period
from interlock.registry.reference import (
    Reference,
    check_alias,
    check_name,
    check_version,
    parse,
)
from interlock.registry.version import Version
from interlock.settings import Settings

if TYPE_CHECKING:
    from interlock.registry.backend import Backend
    from interlock.registry.history import History


class Registry:
    """The registry that `settings` name: MLflow at the tracking URI, history and cache.

    Nothing is connected until something is asked. Every method raises RegistryError when the
    registry cannot be reached; the message has its address without the password.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._uri = settings.registry_uri()
        self.cache = Cache(settings.home / "cache", self._uri)

    def register(self, path: Path) -> Version:
        """Register the package at `path`, after checking every byte of it.

        A package that is registered already is not registered again: its version is returned.
        Two people can register at the same moment, as MLflow has no unique tags. So the list is
        read once more afterwards; the version with the lower number stays and ours is taken back.

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
        rival = self._rival(found, ours=None)
        if rival is not None:
            return _agreed(found, rival)
        made = self._backend.create(found)
        rival = self._rival(found, ours=made)
        if rival is not None:
            self._backend.discard(made)
            return _agreed(found, rival)
        self.cache.remember(made.name, made.version, made.digest)
        return made

    def models(self) -> list[str]:
        """Names of the models, sorted."""
        return self._backend.models()

    def versions(self, name: str) -> list[Version]:
        """Versions of the model `name`, oldest first; UnknownError when there is no such model."""
        try:
            return self._backend.versions(check_name(name))
        except UnknownError:
            raise self._no_model(name) from None

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

    def set_alias(self, name: str, alias: str, version: str, reason: str) -> Version:
        """Put `alias` of the model on a semantic version; says why in the history.

        Nothing is recorded when it is there already.
        """
        check_alias(alias)
        target = self.resolve(Reference(name=check_name(name), version=check_version(version)))
        stated = _stated(reason)
        self._ledger.look(name)
        if alias not in target.aliases:
            self._ledger.move(name, alias, target, actor=self._actor(), reason=stated)
        return self.resolve(Reference(name=name, version=version))

    def remove_alias(
        self, name: str, alias: str, reason: str, *, version: str | None = None
    ) -> None:
        """Take `alias` of the model away; says why in the history.

        Raises
        ------
        UnknownError
            When the model has no such alias.
        ConflictError
            When `version` is given and the alias is on another.
        """
        wanted = Reference(name=check_name(name), alias=check_alias(alias))
        stated = _stated(reason)
        self._ledger.look(name)
        places = self._ledger.places(name)
        if alias not in places:
            raise self._unknown(wanted)
        there = places[alias][1]
        if version is not None and (there is None or there.version != version):
            raise ConflictError(f"{wanted} is on {there or 'another version'}, not on {version}")
        self._ledger.move(name, alias, None, actor=self._actor(), reason=stated)

    def history(self, name: str) -> list[Period]:
        """Which version was live when, by whom and why: every alias, in order of time.

        Raises
        ------
        RegistryError
            When an entry was changed or taken out: names the first.
        UnknownError
            When there is and was no such model.
        """
        found = self._ledger.periods(check_name(name))
        if not found:
            self.versions(name)
        return found

    def look(self, name: str) -> None:
        """Settle moves that a crash left open, and record those made behind our back."""
        self._ledger.look(check_name(name))

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

    def fetch(self, version: Version) -> Path:
        """The package of a version that was resolved before, as `pull` gives it."""
        path = self.cache.put(
            version.digest, lambda scratch: self._backend.download(version, scratch)
        )
        self.cache.remember(version.name, version.version, version.digest)
        return path

    def close(self) -> None:
        """Give database connections back."""
        if "_history" in self.__dict__:
            self._history.close()

    @cached_property
    def _backend(self) -> Backend:
        environment.prepare()
        home = self._settings.home
        if address.is_database(self._uri):
            # MLflow tries ten times over two minutes before it says that a database is away.
            self._history.probe()
        with _extra():
            # MLflow takes seconds to import, and serving from the cache never needs it.
            from interlock.registry.backend import Backend  # noqa: PLC0415
        return Backend(self._uri, artifacts=home / "artifacts", lock=home / "registry.lock")

    @cached_property
    def _history(self) -> History:
        with _extra():
            # SQLAlchemy is heavy too, and no part of the base install.
            from interlock.registry.history import History  # noqa: PLC0415

        self._settings.home.mkdir(parents=True, exist_ok=True)
        if self._settings.history_uri:
            return History(self._settings.history_uri)
        if address.is_database(self._uri):
            return History(self._uri)
        file = self._settings.home.resolve() / f"history-{address.key(self._uri)}.db"
        return History(f"sqlite:///{file}")

    @cached_property
    def _ledger(self) -> Ledger:
        return Ledger(self._backend, self._history)

    def _look_up(self, wanted: Reference) -> Version | None:
        if wanted.alias is not None:
            return self._backend.behind(wanted.name, wanted.alias)
        return self._backend.find(wanted.name, version=wanted.version, digest=wanted.digest)

    def _cached(self, wanted: Reference) -> Path | None:
        digest = wanted.digest
        if wanted.version is not None:
            digest = self.cache.known(wanted.name, wanted.version)
        return self.cache.find(digest) if digest else None

    def _rival(self, found: Package, ours: Version | None) -> Version | None:
        """The first version with the digest or the semantic version of `found`, other than ours."""
        try:
            versions = self._backend.versions(found.name)
        except UnknownError:
            return None
        for version in versions:
            if ours is not None and version.number >= ours.number:
                return None
            if found.digest == version.digest or found.version == version.version:
                return version
        return None

    def _actor(self) -> str:
        if self._settings.actor:
            return self._settings.actor
        try:
            return getpass.getuser()
        except (KeyError, OSError):
            raise ConfigurationError(
                "nobody is logged in here, so the history would not say who did this:"
                " set INTERLOCK_ACTOR"
            ) from None

    def _no_model(self, name: str) -> UnknownError:
        models = ", ".join(self._backend.models()) or "none yet"
        return UnknownError(f"no model is called {name!r}; the registry has: {models}")

    def _unknown(self, wanted: Reference) -> RegistryError:
        try:
            versions = self._backend.versions(wanted.name)
        except UnknownError:
            return self._no_model(wanted.name)
        there = "; ".join(_described(version) for version in versions) or "no versions"
        return UnknownError(f"there is no {wanted}; {wanted.name} has: {there}")


@contextmanager
def _extra() -> Iterator[None]:
    try:
        yield
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"the registry needs {error.name}: pip install 'interlock[registry]'"
        ) from error


def _agreed(found: Package, rival: Version) -> Version:
    if rival.digest == found.digest:
        return rival
    raise ConflictError(
        f"{rival} is registered already, as another package ({rival.digest});"
        f" this one is {found.digest}. Build it with a higher version."
    )


def _stated(reason: str) -> str:
    if not reason.strip():
        raise ConfigurationError("say why: the history needs a reason for every move of an alias")
    return reason.strip()


def _described(version: Version) -> str:
    return (
        f"{version.version} ({', '.join(version.aliases)})" if version.aliases else version.version
    )
