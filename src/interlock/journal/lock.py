"""One server a journal: the lock that its processes hold together."""

from __future__ import annotations

import fcntl
import os
import time
from contextlib import suppress
from pathlib import Path

from interlock import private
from interlock.errors import BusyError, SpoolError
from interlock.journal import segments

_LOOK = 0.05  # seconds between two attempts


class Lock:
    """The right to write to the journal in `directory`, which is made where it is missing.

    Whoever is forked while it is held shares it; it is free when the last of them has ended. So
    the workers of a server that was killed hold it until they have drained.

    Raises
    ------
    BusyError
        When another server holds it; one that has died is given `patience` seconds.
    SpoolError
        When the directory cannot be written.
    """

    def __init__(self, directory: Path, patience: float) -> None:
        self.directory = directory
        self.file = _opened(directory)
        try:
            self._take(time.monotonic() + patience)
        except BusyError:
            os.close(self.file)
            raise
        self._sign()

    def release(self) -> None:
        """Give up this process's part in it."""
        os.close(self.file)

    def _take(self, deadline: float) -> None:
        while True:
            try:
                return fcntl.flock(self.file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                holder = self._holder()
                if _lives(holder) or time.monotonic() > deadline:
                    raise _busy(self.directory, holder) from None
            time.sleep(_LOOK)

    def _holder(self) -> int:
        text = os.pread(self.file, 20, 0).decode("ascii", "replace").strip()
        return int(text) if text.isdigit() else 0

    def _sign(self) -> None:
        with suppress(OSError):  # a full disk: the lock holds all the same, with no name on it
            os.ftruncate(self.file, 0)
            os.pwrite(self.file, f"{os.getpid()}\n".encode(), 0)


def _opened(directory: Path) -> int:
    folder = segments.folder(directory)
    try:
        private.folder(folder)
        if not os.access(folder, os.W_OK | os.X_OK):
            raise _unwritable(folder, "no permission, or read-only")
        return os.open(directory / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise _unwritable(directory, error.strerror or str(error)) from error


def _lives(pid: int) -> bool:
    if pid in (0, os.getpid()):
        return False  # our own number was that of a server in a container, before it started again
    try:
        stat = Path("/proc", str(pid), "stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] not in "ZX"  # dead, and only not reaped yet


def _unwritable(directory: Path, reason: str) -> SpoolError:
    return SpoolError(
        f"the journal in {directory} cannot be written: {reason}. Set INTERLOCK_JOURNAL_HOME to"
        " another directory, or INTERLOCK_JOURNAL=off to answer without a record."
    )


def _busy(directory: Path, holder: int) -> BusyError:
    who = f"process {holder}" if _lives(holder) else "what is left of another server"
    return BusyError(
        f"the journal in {directory} is in use by {who}. Give each server its own by"
        " INTERLOCK_JOURNAL_HOME or INTERLOCK_HOME, or set INTERLOCK_JOURNAL=off."
    )
