"""Processes that a supervisor forks: started, reaped, and started again with backoff."""

from __future__ import annotations

import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from typing import NoReturn

from interlock import tether
from interlock.errors import InterlockError

UNLOADABLE = 3
"""Exit status of a worker that cannot load its models."""

_HEALTHY = 10.0  # seconds; a process that lived this long starts again at once
_FIRST_WAIT = 0.1
_LONGEST_WAIT = 10.0


class Child:
    """A forked process and when it may be started again. `slot` is None for what is no worker."""

    def __init__(self, work: Callable[[], None], slot: int | None, title: str = "") -> None:
        self._work = work
        self.slot = slot
        self.title = title or f"worker {slot}"
        self.pid: int | None = None
        self.due = 0.0
        self._started = 0.0
        self._deaths = 0

    def start(self) -> None:
        """Fork. The caller must have no other thread."""
        parent = os.getpid()
        self._started = time.monotonic()
        self.pid = os.fork()
        if self.pid == 0:
            _become(self._work, parent)

    def send(self, call: signal.Signals) -> None:
        if self.pid is not None:
            os.kill(self.pid, call)

    def reap(self) -> int | None:
        """Exit status if the process has ended since the last look (negative: the signal)."""
        if self.pid is None:
            return None
        pid, status = os.waitpid(self.pid, os.WNOHANG)
        if pid == 0:
            return None
        self.pid = None
        lived = time.monotonic() - self._started
        self._deaths = 0 if lived > _HEALTHY else self._deaths + 1
        wait = min(_LONGEST_WAIT, _FIRST_WAIT * 2 ** (self._deaths - 1)) if self._deaths else 0.0
        self.due = time.monotonic() + wait
        return os.waitstatus_to_exitcode(status)


def execute(command: list[str]) -> None:
    """Replace this process by `command`; SIGHUP is ignored until it says otherwise."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    os.execv(command[0], command)


def _become(work: Callable[[], None], parent: int) -> NoReturn:
    """Do `work` in the process just forked, and never return into the parent's code."""
    status = 1
    try:
        if not tether.hold(parent):
            os._exit(0)
        signal.set_wakeup_fd(-1)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, signal.valid_signals())
        work()
        status = 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 1
    except InterlockError as error:
        print(f"interlock: {error}", file=sys.stderr)
        status = UNLOADABLE
    except BaseException:  # noqa: BLE001
        # The last stop of a child process: whatever it was is printed, then the process ends.
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(status)
