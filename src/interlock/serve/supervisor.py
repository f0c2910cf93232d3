"""The parent of all workers: starts them, brings back those that die, passes signals on.

It imports what workers need, starts no thread, and forks: a new worker is there in the time that
loading the model takes, and shares the pages of the libraries with its siblings.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import structlog

from interlock.errors import InterlockError
from interlock.journal.lock import Lock
from interlock.serve import listener, table
from interlock.serve.child import UNLOADABLE, Child, execute
from interlock.serve.status import State, Status
from interlock.serve.worker import Worker
from interlock.settings import Settings

_log = structlog.get_logger()

_CALLS = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD}
# Seconds for those who had begun to connect when the door was shut. A caller with a longer round
# trip may be reset, as docs/serving.md says; every stop takes this long.
_HANDSHAKE = 0.2
_PATIENCE = 5.0  # seconds, above the drain, for what is left of a server that was killed
_STALLED = 30.0  # seconds without a heartbeat after which a worker is killed


class Supervisor:
    """Runs `workers` processes on one listening socket until it is told to stop.

    Parameters
    ----------
    run
        Run directory with the table in it; removed at the end.
    follower
        Command of a process that rewrites the table when an alias moves; it is kept alive too.
    controller
        Command of a process that moves rollouts on; kept alive from when the server is ready.
    announce
        Called once, with the server's URL, when every worker is ready.
    """

    def __init__(
        self,
        run: Path,
        settings: Settings,
        *,
        follower: list[str] | None = None,
        controller: list[str] | None = None,
        announce: Callable[[str], None] = lambda _url: None,
    ) -> None:
        self._run = run
        self._settings = settings
        self._announce = announce
        self._workers = settings.workers or os.cpu_count() or 1
        self._status = Status(run, self._workers)
        self._children = [Child(self._worker(slot), slot) for slot in range(self._workers)]
        if follower:
            self._children.append(Child(lambda: execute(follower), None, "follower"))
        self._shippers = [Child(self._ship, None, "shipper")] if settings.journal == "on" else []
        self._later = list(self._shippers)
        if controller:
            self._later.append(Child(lambda: execute(controller), None, "controller"))
        self._announced = False
        self._exit = 0

    def serve(self) -> int:
        """Serve until SIGTERM or SIGINT; returns the exit status.

        Raises
        ------
        ConfigurationError
            When the address cannot be bound.
        BusyError, SpoolError
            When another server has the journal, or nobody can write there.
        """
        try:
            if self._settings.journal == "on":
                self._lock = Lock(self._settings.spool(), self._settings.drain + _PATIENCE)
            self._listener = listener.bind(self._settings)
            signal.pthread_sigmask(signal.SIG_BLOCK, _CALLS)
            self._loop()
        finally:
            shutil.rmtree(self._run, ignore_errors=True)
        return self._exit

    def _loop(self) -> None:
        while True:
            self._start_due()
            call = signal.sigtimedwait(_CALLS, self._pause())
            if call is not None and call.si_signo in (signal.SIGTERM, signal.SIGINT):
                return self._stop()
            if call is not None and call.si_signo == signal.SIGHUP:
                self._reload()
            if not self._reap():
                return self._stop()
            self._kill_stalled()
            self._announce_when_ready()

    def _start_due(self) -> None:
        for child in self._children:
            if child.pid is None and time.monotonic() >= child.due:
                if child.slot is not None:
                    self._status.set(child.slot, State.STARTING)
                child.start()

    def _pause(self) -> float:
        """Seconds until there is something to do without a signal."""
        if not self._announced:
            return 0.02
        due = [child.due - time.monotonic() for child in self._children if child.pid is None]
        return max(0.0, min([1.0, *due]))

    def _reap(self) -> bool:
        """Take note of children that ended; False when there is no point in going on."""
        for child in self._children:
            status = child.reap()
            if status is None:
                continue
            if child.slot is not None:
                self._status.set(child.slot, State.DEAD)
            if status == UNLOADABLE and not self._announced:
                self._exit = UNLOADABLE
                return False
            _log.warning(
                "a process ended; starting another",
                process=child.title,
                status=status,
                wait=round(max(0.0, child.due - time.monotonic()), 1),
            )
        return True

    def _kill_stalled(self) -> None:
        for child in self._children:
            if child.pid is None or child.slot is None:
                continue
            stalled = self._status.silence(child.slot) > _STALLED
            if stalled and self._status.state(child.slot) is State.READY:
                _log.error("a worker is stuck; killing it", worker=child.slot, pid=child.pid)
                os.kill(child.pid, signal.SIGKILL)

    def _announce_when_ready(self) -> None:
        if not self._announced and self._status.ready():
            self._announced = True
            # Only now: it would take from the workers what they need to start.
            self._children += self._later
            url = listener.address(self._listener)
            (self._run / "address").write_text(url)
            self._announce(url)

    def _reload(self) -> None:
        """Look again at packages named by directory, then have everybody else look."""
        current = table.read(self._run)
        try:
            changed = {
                found.name: table.renewed(found) for found in current.deployments if found.directory
            }
        except InterlockError as error:
            _log.error("a package cannot be served; serving the old one", reason=str(error))
            changed = {}
        replaced = current.replace(changed)
        if replaced.deployments != current.deployments:
            table.write(self._run, replaced)
        for child in self._children:
            child.send(signal.SIGHUP)

    def _stop(self) -> None:
        """Let workers finish what they have begun, then the shipper what they have written."""
        self._close()
        for child in self._children:
            if child.slot is not None and child.pid is not None:
                self._status.set(child.slot, State.DRAINING, pid=child.pid)
        self._end([child for child in self._children if child not in self._shippers])
        self._end(self._shippers)

    def _end(self, children: Sequence[Child]) -> None:
        """Ask processes to end, and end those that have not ended in time."""
        for child in children:
            child.send(signal.SIGTERM)
        deadline = time.monotonic() + self._settings.drain + 2
        while any(child.pid for child in children) and time.monotonic() < deadline:
            signal.sigtimedwait({signal.SIGCHLD}, 0.1)
            for child in children:
                child.reap()
        for child in children:
            child.send(signal.SIGKILL)

    def _close(self) -> None:
        """Keep newcomers out, and give those at the door the time to come in and be accepted."""
        try:
            listener.keep_out(self._listener)
            time.sleep(_HANDSHAKE)
        except OSError as error:  # a sandbox that is no whole Linux
            _log.warning("callers that come at this moment may be cut off", reason=str(error))
        # While one process has it open, the kernel lets callers in whom nobody answers.
        self._listener.close()

    def _worker(self, slot: int) -> Callable[[], None]:
        def work() -> None:
            Worker(self._run, slot, self._settings, self._status).run(self._listener)

        return work

    def _ship(self) -> None:
        # What it is told before it listens waits for it: it ships all there is before it ends.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
        isolated = ["-I"] if sys.flags.isolated else []
        execute([sys.executable, *isolated, "-m", "interlock.journal"])
