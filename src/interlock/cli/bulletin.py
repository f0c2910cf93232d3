"""The bulletin of rollouts: what a server's `GET /api/rollouts/NAME/analysis` tells."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec
import structlog

from interlock.errors import InterlockError
from interlock.registry import parse
from interlock.rollout import report
from interlock.serve import rollouts
from interlock.serve.rollouts import Known
from interlock.settings import Settings
from interlock.state import database, schema

_log = structlog.get_logger()
_EVERY = 1.0  # seconds between two looks


class Bulletin:
    """Keeps the file in the run directory at what the database says of the models referred to."""

    def __init__(self, run: Path, references: Sequence[str], current: Settings) -> None:
        self._run = run
        self._names = sorted({parse(reference).name for reference in references})
        self._engine = database.connect(current)
        self._ready = False
        self._away = ""

    def start(self) -> None:
        """Look for ever, in a thread: a database that is away must not keep aliases from moving."""
        # SIGHUP is for the thread that follows aliases: this one must not take it away.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
        threading.Thread(target=self._keep, name="bulletin", daemon=True).start()
        signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def refresh(self) -> None:
        """Look once. What cannot be read is logged once, and the file grows old meanwhile."""
        try:
            reports = self._reports()
        except InterlockError as error:
            if str(error) != self._away:
                _log.error("how rollouts stand cannot be read", reason=str(error))
            self._away = str(error)
            return
        self._away = ""
        rollouts.write(self._run, Known(moment=time.time(), reports=reports))

    def _keep(self) -> None:
        while self._run.exists():
            self.refresh()
            time.sleep(_EVERY)

    def _reports(self) -> dict[str, dict[str, object]]:
        if not self._prepared():
            return {}
        found = {name: report.last(self._engine, name) for name in self._names}
        return {name: msgspec.to_builtins(told) for name, told in found.items() if told}

    def _prepared(self) -> bool:
        """Whether the tables are there: who ships, orders or controls makes them, we never do."""
        if not self._ready:
            self._ready = schema.there(self._engine)
        return self._ready
