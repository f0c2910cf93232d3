"""Where records go before anything else happens: to the end of a file, by one write.

What a write has returned for survives the process. `synced` says when it survives the machine.
"""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TypeAlias

import structlog

from interlock.errors import SpoolError
from interlock.journal import segments
from interlock.journal.frame import LARGEST
from interlock.journal.syncing import Syncer, sync
from interlock.settings import Settings

Heard: TypeAlias = Callable[[SpoolError | None], None]

_log = structlog.get_logger()

_LOOK = 1.0  # seconds between two looks at how large the spool is
_SEGMENTS = 8
_PAUSE = 0.25  # seconds after a failed write in which no other is tried


class Spool:
    """The end of the journal that one worker writes to. For one thread.

    Parameters
    ----------
    directory
        The journal's; a `Lock` on it must be held.
    slot
        The worker's number: the order of records is kept for each.
    """

    def __init__(self, directory: Path, slot: int, settings: Settings) -> None:
        self._directory = directory
        self._slot = slot
        self._limit = settings.journal_limit
        # A segment is deleted whole: several must fit, for room to come back bit by bit.
        self._largest = min(settings.journal_segment_size, settings.journal_limit // _SEGMENTS)
        self._oldest = settings.journal_segment_age
        self._frames: list[bytes] = []
        self._file: int | None = None
        self._size = 0
        self._begun = 0.0
        self._tried = -_PAUSE
        self._failure = ""
        self._looked = 0.0
        self._room = 0
        self._look(time.monotonic())
        self._lost = False
        self.waits = settings.journal_sync == "always"
        """Whether `synced` takes its time."""
        every = settings.journal_interval if settings.journal_sync == "interval" else None
        self._syncer = Syncer(self._lose, every) if settings.journal_sync != "never" else None

    def append(self, frames: Sequence[bytes]) -> None:
        """Add frames to what the next `commit` writes.

        Raises
        ------
        SpoolError
            When one is too large; then none of them is added.
        """
        for frame in frames:
            if len(frame) > LARGEST:
                raise SpoolError(f"a record of {len(frame)} bytes is larger than a frame may be")
        self._frames += frames

    def commit(self) -> tuple[int, int]:
        """Write what was appended since the last time; returns how many frames and bytes.

        Raises
        ------
        SpoolError
            When it cannot be written. Nothing of it is kept then.
        """
        frames, self._frames = self._frames, []
        if not frames:
            return 0, 0
        data = b"".join(frames)
        if len(data) > self._room:
            self._roll()  # so that it can be shipped to its end, and deleted
            raise SpoolError(f"the spool is full: INTERLOCK_JOURNAL_LIMIT={self._limit} bytes")
        if self._failure and time.monotonic() < self._tried + _PAUSE:
            raise SpoolError(self._failure)
        try:
            self._write(data)
        except OSError as error:
            raise self._failed(error) from error
        self._failure = ""
        self._size += len(data)
        self._room -= len(data)
        if self._size >= self._largest:
            self._roll()
        return len(frames), len(data)

    def synced(self, heard: Heard) -> None:
        """Have `heard` called when what is committed by now is as safe as the settings ask.

        That is at once, unless each record has to reach the disk: then `heard` is called by
        another thread, with a SpoolError when the disk failed.
        """
        if self.waits and self._syncer is not None:
            self._syncer.ask(lambda error: heard(_undone(error) if error else None))
        else:
            heard(None)

    def tick(self) -> None:
        """To be called a few times a second: ends an old segment, looks for room."""
        now = time.monotonic()
        if self._file is not None and (now > self._begun + self._oldest or self._is_deleted()):
            self._roll()
        if now > self._looked + _LOOK:
            self._look(now)

    def close(self) -> None:
        """End the segment, for whoever ships it."""
        self._roll()
        if self._syncer is not None:
            self._syncer.close()

    def _write(self, data: bytes) -> None:
        if self._lost:
            self._lost = False
            self._roll()
        file = self._open() if self._file is None else self._file
        if os.write(file, data) < len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def _open(self) -> int:
        self._file, self._segment = segments.create(self._directory, self._slot)
        self._size = 0
        self._begun = time.monotonic()
        if self._syncer is not None:
            sync(segments.folder(self._directory))  # the name of the new file, too
            self._syncer.follow(self._file)
        return self._file

    def _lose(self, error: OSError) -> None:
        """Told by another thread: the disk has lost something of this segment. Begin another."""
        self._lost = True
        _log.error("the disk does not take the journal", reason=error.strerror or str(error))

    def _roll(self) -> None:
        """Have done with the segment; the next commit begins another."""
        file, self._file = self._file, None
        if file is None:
            return
        if self._syncer is not None:
            self._syncer.retire()
        else:
            os.close(file)

    def _failed(self, error: OSError) -> SpoolError:
        """Take back what was written of it, and leave the segment.

        A reader may have seen more of it than there is now: nothing is written behind that.
        """
        if self._file is not None:
            with suppress(OSError):  # what is left of a frame is damage, which readers skip
                os.ftruncate(self._file, self._size)
                if not self._size:
                    self._segment.path.unlink(missing_ok=True)
        self._roll()
        self._tried = time.monotonic()
        self._failure = (
            f"the spool in {self._directory} cannot be written: {error.strerror or error}"
        )
        return SpoolError(self._failure)

    def _is_deleted(self) -> bool:
        return self._file is not None and os.fstat(self._file).st_nlink == 0

    def _look(self, now: float) -> None:
        self._looked = now
        self._room = self._limit - segments.size(self._directory)


def _undone(error: OSError) -> SpoolError:
    return SpoolError(f"the disk did not take a record: {error.strerror or error}")
