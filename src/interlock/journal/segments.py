"""The files of a spool: their names, which come first, and whether somebody still writes to one.

Whoever writes holds a lock on the file from before it has its name until it is done, or dead. So a
file that can be locked is closed: nothing will ever be added to it.
"""

from __future__ import annotations

import fcntl
import os
import re
import time
from pathlib import Path
from typing import NamedTuple

_NAME = re.compile(r"(\d{20})-(\d+)-(\d+)\.segment")


class Segment(NamedTuple):
    """One file: begun at `started` (ns since 1970, or later), by process `pid` for `slot`."""

    path: Path
    started: int
    slot: int
    pid: int


def folder(directory: Path) -> Path:
    """Where the segments of a journal's directory lie."""
    return directory / "spool"


def listed(directory: Path) -> list[Segment]:
    """All segments, those of one slot in the order in which they were written.

    >>> import tempfile
    >>> listed(Path(tempfile.mkdtemp()))
    []
    """
    try:
        found = [parsed(path) for path in folder(directory).iterdir()]
    except FileNotFoundError:
        return []
    return sorted(
        (one for one in found if one is not None), key=lambda one: (one.slot, one.started)
    )


def parsed(path: Path) -> Segment | None:
    """What the name of a segment says; None when it is not one."""
    match = _NAME.fullmatch(path.name)
    return Segment(path, *(int(part) for part in match.groups())) if match else None


def size(directory: Path) -> int:
    """Bytes of all segments together."""
    total = 0
    for segment in listed(directory):
        try:
            total += segment.path.stat().st_size
        except FileNotFoundError:
            continue  # shipped and deleted in between
    return total


def create(directory: Path, slot: int) -> tuple[int, Segment]:
    """A new, last segment of `slot`: its file descriptor, locked for as long as it is open.

    Raises
    ------
    OSError
        When it cannot be made.
    """
    started = max(time.time_ns(), _latest(directory, slot) + 1)  # a clock may have been set back
    folder(directory).mkdir(exist_ok=True)  # somebody may have deleted it
    path = folder(directory) / f"{started:020d}-{slot}-{os.getpid()}.segment"
    draft = path.with_suffix(".draft")
    file = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
    try:
        # Locked before it has its name: nobody takes it for one that is done.
        fcntl.flock(file, fcntl.LOCK_EX)
        draft.rename(path)
    except BaseException:
        os.close(file)
        raise
    return file, Segment(path, started, slot, os.getpid())


def is_closed(path: Path) -> bool:
    """Whether nobody writes to a segment any more.

    Raises
    ------
    FileNotFoundError
        When there is no such segment by now.
    """
    return not is_held(path)


def is_held(path: Path) -> bool:
    """Whether a process holds the lock on the file `path`; FileNotFoundError when there is none."""
    file = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    else:
        return False
    finally:
        os.close(file)


def _latest(directory: Path, slot: int) -> int:
    return max((one.started for one in listed(directory) if one.slot == slot), default=0)
