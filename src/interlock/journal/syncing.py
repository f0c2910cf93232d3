"""Waiting for the disk in a thread, so that the event loop need not.

Everybody who asked before a wait began shares it: however many answers wait for the disk, it is
asked once for all of them.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

Done: TypeAlias = Callable[[OSError | None], None]


class Syncer:
    """Has files written down to the disk.

    Parameters
    ----------
    failed
        Called, in the thread, with the error of each round that failed.
    every
        Seconds between two rounds when nobody asks for one; None for only when asked.
    """

    def __init__(self, failed: Callable[[OSError], None], every: float | None = None) -> None:
        self._failed = failed
        self._every = every
        self._changed = threading.Condition()
        self._waiting: list[Done] = []
        self._current: int | None = None
        self._retired: list[int] = []
        self._ended = False
        self._thread = threading.Thread(target=self._run, name="journal-sync", daemon=True)
        self._thread.start()

    def follow(self, file: int) -> None:
        """Take `file` for the one that is written to; the one before it is closed here."""
        with self._changed:
            self._retire()
            self._current = file

    def retire(self) -> None:
        """The file that is written to is done: have it on the disk, and close it."""
        with self._changed:
            self._retire()
            self._changed.notify()

    def ask(self, done: Done) -> None:
        """Have `done` called, in the thread, when all that is written by now is on the disk.

        It is given the error when that fails.
        """
        with self._changed:
            self._waiting.append(done)
            self._changed.notify()

    def close(self) -> None:
        """Do what was asked, close all files, and end the thread."""
        with self._changed:
            self._retire()
            self._ended = True
            self._changed.notify()
        self._thread.join()

    def _retire(self) -> None:
        if self._current is not None:
            self._retired.append(self._current)
            self._current = None

    def _run(self) -> None:
        ended = False
        while not ended:
            with self._changed:
                if not (self._waiting or self._retired or self._ended):
                    self._changed.wait(self._every)
                waiting, self._waiting = self._waiting, []
                retired, self._retired = self._retired, []
                current, ended = self._current, self._ended
            error = _synced([*retired, *([current] if current is not None else [])])
            for file in retired:
                os.close(file)
            if error is not None:
                self._failed(error)
            for done in waiting:
                done(error)


def sync(path: Path) -> None:
    """Have a file, or the names in a folder, on the disk before this returns."""
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def _synced(files: list[int]) -> OSError | None:
    try:
        for file in files:
            os.fdatasync(file)
    except OSError as error:
        return error
    return None
