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
