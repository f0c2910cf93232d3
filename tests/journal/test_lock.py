"""Who may write to a journal: one server, and what is left of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from interlock.errors import BusyError, SpoolError
from interlock.journal.lock import Lock

# Takes the lock, has a child that holds it too, says its numbers, and waits.
HOLDER = """
import os, sys, time
from pathlib import Path
from interlock.journal.lock import Lock
lock = Lock(Path(sys.argv[1]), 0.0)
child = os.fork()
if child == 0:
    time.sleep(60)
print(child, flush=True)
time.sleep(60)
"""


@contextmanager
def holder(directory: Path) -> Iterator[tuple[int, int]]:
    """A process that holds the lock, and its child: their numbers."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(directory)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    child = int(process.stdout.readline())
    try:
        yield process.pid, child
    finally:
        with suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
        process.kill()
        process.communicate()


def test_a_second_server_is_refused_at_once_and_told_who_the_first_is(tmp_path: Path) -> None:
    """It need not wait for somebody who lives."""
    with holder(tmp_path) as (pid, _):
        began = time.monotonic()
        with pytest.raises(BusyError, match=f"process {pid}.*INTERLOCK_JOURNAL_HOME"):
            Lock(tmp_path, 30.0)
        assert time.monotonic() < began + 5


def test_what_is_left_of_a_killed_server_is_waited_for(tmp_path: Path) -> None:
    """Its children still write: the lock is theirs until the last of them has ended."""
    with holder(tmp_path) as (pid, child):
        os.kill(pid, signal.SIGKILL)
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        with pytest.raises(BusyError, match="left of another server"):
            Lock(tmp_path, 0.2)
        os.kill(child, signal.SIGKILL)
        Lock(tmp_path, 20.0).release()


def test_a_lock_is_free_once_it_is_released(tmp_path: Path) -> None:
    """The file that stays behind holds nobody up, whatever is written in it."""
    Lock(tmp_path, 0.0).release()
    (tmp_path / "lock").write_text("no number")
    lock = Lock(tmp_path, 0.0)
    assert (tmp_path / "lock").read_text() == f"{os.getpid()}\n"
    lock.release()


@pytest.mark.parametrize("place", ["", "journal"])
def test_a_directory_that_cannot_be_made_is_refused_by_name(tmp_path: Path, place: str) -> None:
    """A file stands where it should be: the message says so, and what to set."""
    (tmp_path / "file").write_text("")
    with pytest.raises(SpoolError, match=r"file.* cannot be written: .*INTERLOCK_JOURNAL_HOME"):
        Lock(tmp_path / "file" / place, 0.0)
