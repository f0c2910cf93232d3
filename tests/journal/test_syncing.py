"""Waiting for the disk: who shares a wait, and what happens when it fails.

The disk is a real one; only how long it takes is decided here.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from interlock.journal.syncing import Syncer


class Disk:
    """Holds `os.fdatasync` up until it is let go, and counts."""

    def __init__(self) -> None:
        self.began = threading.Semaphore(0)
        self.may_end = threading.Semaphore(0)
        self.synced: list[int] = []
        self._real = os.fdatasync

    def fdatasync(self, file: int) -> None:
        self.began.release()
        assert self.may_end.acquire(timeout=10)
        self._real(file)
        self.synced.append(os.fstat(file).st_ino)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    disk = Disk()
    monkeypatch.setattr(os, "fdatasync", disk.fdatasync)
    return disk


@pytest.fixture
def failures() -> list[OSError]:
    return []


@pytest.fixture
def syncer(failures: list[OSError]) -> Iterator[Syncer]:
    syncer = Syncer(failures.append)
    yield syncer
    syncer.close()


def opened(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT)


class Answers:
    """Notes who was told what."""

    def __init__(self) -> None:
        self.told: list[tuple[int, OSError | None]] = []
        self._came = threading.Semaphore(0)

    def ask(self, syncer: Syncer, number: int) -> None:
        def done(error: OSError | None) -> None:
            self.told.append((number, error))
            self._came.release()

        syncer.ask(done)

    def wait(self, count: int) -> None:
        for _ in range(count):
            assert self._came.acquire(timeout=10)


def test_all_who_asked_before_a_round_share_it(disk: Disk, syncer: Syncer, tmp_path: Path) -> None:
    """Those who come while it is under way share the next: theirs may not be on the disk yet."""
    answers = Answers()
    syncer.follow(opened(tmp_path / "file"))
    answers.ask(syncer, 0)
    assert disk.began.acquire(timeout=10)
    for number in range(1, 6):
        answers.ask(syncer, number)
    time.sleep(0.02)
    assert answers.told == []
    disk.may_end.release()
    answers.wait(1)
    assert answers.told == [(0, None)]
    disk.may_end.release(2)  # the second round, and the one when everything ends
    answers.wait(5)
    assert answers.told == [(number, None) for number in range(6)]
    assert len(disk.synced) == 2


def test_a_file_is_synced_before_it_is_closed(disk: Disk, syncer: Syncer, tmp_path: Path) -> None:
    """Also when nobody asks, and another file follows at once."""
    disk.may_end.release(100)
    first, second = tmp_path / "first", tmp_path / "second"
    file = opened(first)
    syncer.follow(file)
    syncer.follow(opened(second))
    answers = Answers()
    answers.ask(syncer, 0)
    answers.wait(1)
    assert disk.synced == [first.stat().st_ino, second.stat().st_ino]
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(file)


def test_a_round_comes_by_itself_when_one_is_wanted_now_and_then(
    disk: Disk, failures: list[OSError], tmp_path: Path
) -> None:
    """Every so many seconds, without being asked."""
    disk.may_end.release(1000)
    syncer = Syncer(failures.append, every=0.01)
    syncer.follow(opened(tmp_path / "file"))
    for _ in range(3):
        assert disk.began.acquire(timeout=10)
    syncer.close()
    assert failures == []


def test_whoever_waits_is_told_that_the_disk_failed(
    syncer: Syncer, failures: list[OSError], tmp_path: Path
) -> None:
    """The error is a real one: a pipe cannot be synced."""
    reading, writing = os.pipe()
    syncer.follow(writing)
    answers = Answers()
    answers.ask(syncer, 0)
    answers.wait(1)
    ((_, error),) = answers.told
    assert isinstance(error, OSError)
    assert failures == [error]
    syncer.follow(opened(tmp_path / "file"))
    answers.ask(syncer, 1)  # the pipe is retired in this round, and fails once more
    answers.wait(1)
    answers.ask(syncer, 2)
    answers.wait(1)
    assert answers.told[-1] == (2, None)
    os.close(reading)


def test_closing_does_what_was_asked(failures: list[OSError], tmp_path: Path) -> None:
    """Nobody who waits is forgotten."""
    syncer, answers = Syncer(failures.append), Answers()
    file = opened(tmp_path / "file")
    syncer.follow(file)
    answers.ask(syncer, 0)
    syncer.close()
    assert answers.told == [(0, None)]
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(file)
