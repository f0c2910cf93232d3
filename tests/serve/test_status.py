"""Where workers stand, in memory that processes share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from interlock.serve import status
from interlock.serve.status import State, Status


def test_what_one_process_writes_another_reads(tmp_path: Path) -> None:
    """State, pid, revision and connections reach the parent."""
    ours = Status(tmp_path, 2)
    child = os.fork()
    if child == 0:
        theirs = Status(tmp_path, 2)
        theirs.set(1, State.READY, pid=77)
        theirs.beat(1, 5)
        theirs.connections(1, 3)
        os._exit(0)
    os.waitpid(child, 0)
    assert ours.describe() == [
        {"worker": 0, "state": "dead", "pid": None, "table": None, "connections": 0},
        {"worker": 1, "state": "ready", "pid": 77, "table": 5, "connections": 3},
    ]
    assert not ours.ready()


def test_ready_means_every_worker(tmp_path: Path) -> None:
    """One that starts, drains or is dead is enough to fail it."""
    found = Status(tmp_path, 2)
    for slot in range(2):
        found.set(slot, State.READY, pid=1)
    assert found.ready()
    for state in (State.STARTING, State.DRAINING, State.DEAD):
        found.set(1, state)
        assert not found.ready()


def test_silence_makes_a_worker_stuck(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that no longer says that it lives is not counted on, until it speaks again."""
    found = Status(tmp_path, 1)
    found.set(0, State.READY, pid=1)
    monkeypatch.setattr(status, "_STALE", -1.0)
    assert found.describe()[0]["state"] == "stuck"
    assert not found.ready()


def test_the_fewest_connections_are_those_of_workers_that_take_any(tmp_path: Path) -> None:
    """Dead and draining workers do not hold the others back."""
    found = Status(tmp_path, 3)
    assert found.fewest_connections() == 0
    for slot, count in enumerate((4, 2, 0)):
        found.set(slot, State.READY, pid=1)
        found.connections(slot, count)
    assert found.fewest_connections() == 0
    found.set(2, State.DEAD)
    assert found.fewest_connections() == 2
