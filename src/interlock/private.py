"""Folders and files that hold what is recorded: for their owner only, from their first moment."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


def folder(path: Path) -> None:
    """Make `path`, and what is missing above it; what is there keeps its rights. OSError if not."""
    for missing in [one for one in reversed(path.parents) if not one.exists()]:
        missing.mkdir(exist_ok=True, mode=0o700)
    path.mkdir(exist_ok=True, mode=0o700)


def file(path: Path) -> None:
    """Make the empty file `path`; one that is there stays as it is. OSError when it cannot be.

    One that is there is not even opened: closing it would take away the locks that SQLite holds
    on it elsewhere in this process, and two could write at once.
    """
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))


def write(path: Path, content: bytes) -> None:
    """Put `content` in the place of the file `path`, whole or not at all. OSError if it cannot be.

    Two at once on one path need a lock.
    """
    folder(path.parent)
    draft = path.with_suffix(".draft")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as opened:
        opened.write(content)
        opened.flush()
        os.fsync(opened.fileno())
    draft.replace(path)


def identity(path: Path) -> tuple[int, int] | None:
    """What tells the file at `path` from another that takes its place; None when there is none.

    Only of a file that somebody holds open: the number of one that is gone is given away.
    """
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
