"""What a registry is connected to: MLflow, the database of our own records, and the cache."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from interlock import private
from interlock.errors import ConfigurationError
from interlock.registry import address, environment
from interlock.registry.actor import actor
from interlock.registry.cache import Cache
from interlock.registry.entry import Entry
from interlock.registry.evidence import Evidence
from interlock.registry.holdouts import Holdout
from interlock.registry.ledger import Ledger
from interlock.registry.looks import Look
from interlock.registry.records import Records
from interlock.settings import Settings

if TYPE_CHECKING:
    from interlock.registry.backend import Backend
    from interlock.registry.database import Database
    from interlock.registry.direct import Direct
    from interlock.registry.log import Log
    from interlock.registry.tracking import Tracking


class Connection:
    """What `settings` name: MLflow at the tracking URI, our records beside it, and the cache.

    Nothing is connected until something is asked.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._uri = settings.registry_uri()
        self.cache = Cache(settings.home / "cache", self._uri)

    @property
    def address(self) -> str:
        """Where it is, without the password."""
        return address.safe(self._uri)

    def close(self) -> None:
        """Give database connections back."""
        for name in {"_database", "_tables"} & self.__dict__.keys():
            getattr(self, name).close()

    def logs(self) -> tuple[Log[Any], ...]:
        """All of our records; nothing where the embedded database was never made."""
        url = self._database.url
        if address.is_sqlite(url) and not Path(url.partition(":///")[2]).exists():
            return ()
        return self._history, self._evidence, self._looks, self._holdouts

    @cached_property
    def tracking(self) -> Tracking:
        """Runs of training, in the same MLflow as the versions that come of them."""
        self._prepare()
        home = self._settings.home
        with _extra():
            # As heavy as the backend.
            from interlock.registry.tracking import Tracking  # noqa: PLC0415
        return Tracking(self._uri, artifacts=home / "artifacts", lock=home / "registry.lock")

    @cached_property
    def _backend(self) -> Backend:
        self._prepare()
        home = self._settings.home
        with _extra():
            # MLflow takes seconds to import, and serving from the cache never needs it.
            from interlock.registry.backend import Backend  # noqa: PLC0415
        return Backend(self._uri, artifacts=home / "artifacts", lock=home / "registry.lock")

    @cached_property
    def _versions(self) -> Backend | Direct:
        """Versions and aliases: MLflow's tables where we know them, else MLflow."""
        if not address.is_database(self._uri):
            return self._backend
        with _extra():
            from interlock.registry.direct import Direct  # noqa: PLC0415 - loads SQLAlchemy
        self._make_home()
        direct = Direct(self._tables)
        return direct if direct.known() else self._backend

    @cached_property
    def _tables(self) -> Database:
        """The database with MLflow's own tables."""
        if not self._settings.history_uri:
            return self._database
        from interlock.registry.database import Database  # noqa: PLC0415 - loads SQLAlchemy

        return Database(self._uri)

    def _prepare(self) -> None:
        environment.prepare()
        if address.is_database(self._uri):
            # MLflow tries ten times over two minutes before it says that a database is away.
            self._database.probe()

    @cached_property
    def _database(self) -> Database:
        with _extra():
            # SQLAlchemy is heavy too, and no part of the base install.
            from interlock.registry.database import Database  # noqa: PLC0415

        self._make_home()
        if self._settings.history_uri:
            return Database(self._settings.history_uri)
        if address.is_database(self._uri):
            return Database(self._uri)
        file = self._settings.home.resolve() / f"history-{address.key(self._uri)}.db"
        return Database(f"sqlite:///{file}")

    def _make_home(self) -> None:
        home = self._settings.home
        try:
            private.folder(home)
        except OSError as error:
            raise ConfigurationError(
                f"INTERLOCK_HOME={home} cannot be made: {error.strerror}"
            ) from error

    @cached_property
    def _history(self) -> Log[Entry]:
        database = self._database
        from interlock.registry import log, tables  # noqa: PLC0415

        return log.Log(database, tables.HISTORY, Entry, "history")

    @cached_property
    def _records(self) -> Records:
        return Records(self._evidence, self._looks, self._holdouts)

    @cached_property
    def _evidence(self) -> Log[Evidence]:
        database = self._database
        from interlock.registry import log, tables  # noqa: PLC0415

        return log.Log(database, tables.EVIDENCE, Evidence, "evidence")

    @cached_property
    def _looks(self) -> Log[Look]:
        database = self._database
        from interlock.registry import log, tables  # noqa: PLC0415

        return log.Log(database, tables.LOOKS, Look, "list of looks")

    @cached_property
    def _holdouts(self) -> Log[Holdout]:
        database = self._database
        from interlock.registry import log, tables  # noqa: PLC0415

        return log.Log(database, tables.HOLDOUTS, Holdout, "list of holdouts")

    @cached_property
    def _ledger(self) -> Ledger:
        return Ledger(self._versions, self._history)

    def _actor(self) -> str:
        return actor(self._settings)


@contextmanager
def _extra() -> Iterator[None]:
    try:
        yield
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"the registry needs {error.name}: pip install 'interlock[registry]'"
        ) from error
