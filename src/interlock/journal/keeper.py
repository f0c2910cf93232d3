"""What is done in the database from time to time: labels find their predictions, old rows go."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import msgspec
import sqlalchemy as sa
import structlog

from interlock.errors import DatabaseError, InterlockError
from interlock.journal import retention, ties
from interlock.journal.foothold import Foothold
from interlock.journal.hashing import Hasher
from interlock.journal.resolution import Resolver
from interlock.settings import Settings
from interlock.state import database, labels, schema

_log = structlog.get_logger()

_HOUR = 3600.0
_RESOLVE = 2.0  # seconds between two looks for the predictions of labels
_SOON = 60.0  # a server that has just been started has better things to do
_LOOK = 0.5


class Chore(msgspec.Struct):
    """Something to be done every so many seconds; `due` on the monotonic clock."""

    title: str
    work: Callable[[], None]
    every: float
    due: float = 0.0
    complaint: str = ""


class Keeper(threading.Thread):
    """Does the chores until told to stop. One that fails is tried again when its time comes."""

    def __init__(self, settings: Settings, stop: threading.Event) -> None:
        super().__init__(name="keeper", daemon=True)
        self._settings = settings
        self._asked_to_stop = stop
        self._engine: sa.Engine | None = None
        self._foothold: Foothold | None = None
        self._fits = False
        self._resolver: Resolver | None = None
        self.orphans = 0
        soon = time.monotonic() + _SOON
        self._chores = [
            Chore("finding the predictions of labels", self._resolve, _RESOLVE),
            Chore("deleting what is too old", self._prune, _HOUR, soon),
        ]

    def run(self) -> None:
        """Work until told to stop."""
        while not self._asked_to_stop.wait(_LOOK):
            for chore in self._chores:
                if time.monotonic() >= chore.due:
                    self._do(chore)
        if self._resolver is not None:
            self._resolver.close()
        if self._engine is not None:
            self._engine.dispose()

    def _do(self, chore: Chore) -> None:
        began = time.monotonic()
        try:
            chore.work()
            chore.complaint = ""
        except InterlockError as error:
            self._complain(chore, str(error))
        except Exception as error:  # noqa: BLE001
            # One chore must not end the others unseen. Only the kind: a message may quote data.
            self._complain(chore, f"{type(error).__name__}: please report it")
        # What takes long is done less often: answering and shipping come first.
        took = time.monotonic() - began
        chore.due = time.monotonic() + max(chore.every, 10 * took)

    def _complain(self, chore: Chore, reason: str) -> None:
        if chore.complaint != reason:
            _log.warning(f"{chore.title} failed; it is tried again", reason=reason)
        chore.complaint = reason

    def _ready(self) -> sa.Engine:
        """The engine, once its tables are those of this release."""
        if self._engine is None or self._foothold is None:
            self._engine = database.connect(self._settings)
            self._foothold = Foothold(self._engine)
        try:
            self._foothold.check()
        except DatabaseError:
            self._fits = False
            raise
        if not self._fits:
            schema.ensure(self._engine)
            self._foothold.take()
            ties.tie(self._engine, Hasher(self._settings))
            self._fits = True
        with self._engine.connect() as connection:
            schema.hold(connection)
        return self._engine

    def _resolve(self) -> None:
        engine = self._ready()
        if self._resolver is None:
            self._resolver = Resolver(engine, self._settings)
        self._resolver.resolve()
        before = round((time.time() - self._settings.journal_orphan_after) * 1e6)
        with engine.connect() as connection:
            self.orphans = labels.count_orphans(connection, before)

    def _prune(self) -> None:
        pruned = retention.prune(self._settings, self._ready())
        if any(sum(one.deleted.values()) for one in pruned):
            _log.info("deleted what was too old", **{one.place: one.deleted for one in pruned})
