"""Where each worker stands, in memory that the supervisor and all workers share."""

from __future__ import annotations

import enum
import mmap
import time
from pathlib import Path

_NAME = "status"
_FIELDS = 5  # state, pid, heartbeat, table revision, connections
_STALE = 5.0  # seconds without a heartbeat after which a worker counts as stuck


class State(enum.IntEnum):
    """A worker's life, in order."""

    DEAD = 0
    STARTING = 1
    READY = 2
    DRAINING = 3


class Status:
    """A row of numbers a worker, in a memory-mapped file of the run directory.

    Each row has one writer at a time: its worker while that lives, the supervisor before and
    after. Numbers are eight aligned bytes, so a reader never sees half of one.
    """

    def __init__(self, run: Path, workers: int) -> None:
        path = run / _NAME
        size = workers * _FIELDS * 8
        if not path.exists():
            path.write_bytes(bytes(size))
        with path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), size)
        self._values = memoryview(self._map).cast("d")
        self.workers = workers

    def set(self, slot: int, state: State, *, pid: int = 0) -> None:
        self._values[slot * _FIELDS + 1] = pid
        self._values[slot * _FIELDS] = state
        self._values[slot * _FIELDS + 4] = 0
        self.beat(slot)

    def beat(self, slot: int, revision: int = 0) -> None:
        """Say that the worker in `slot` is alive and which table revision it serves."""
        self._values[slot * _FIELDS + 2] = time.monotonic()
        self._values[slot * _FIELDS + 3] = revision

    def connections(self, slot: int, count: int) -> None:
        """Say how many connections the worker in `slot` holds."""
        self._values[slot * _FIELDS + 4] = count

    def fewest_connections(self) -> int:
        """Connections of the least busy worker that takes any."""
        return min(
            (
                int(self._values[slot * _FIELDS + 4])
                for slot in range(self.workers)
                if self._word(slot) == "ready"
            ),
            default=0,
        )

    def state(self, slot: int) -> State:
        return State(int(self._values[slot * _FIELDS]))

    def revision(self, slot: int) -> int:
        return int(self._values[slot * _FIELDS + 3])

    def silence(self, slot: int) -> float:
        """Seconds since the last heartbeat."""
        return time.monotonic() - self._values[slot * _FIELDS + 2]

    def describe(self) -> list[dict[str, object]]:
        """One dict a worker, for people and probes."""
        return [
            {
                "worker": slot,
                "state": self._word(slot),
                "pid": int(self._values[slot * _FIELDS + 1]) or None,
                "table": self.revision(slot) or None,
                "connections": int(self._values[slot * _FIELDS + 4]),
            }
            for slot in range(self.workers)
        ]

    def ready(self) -> bool:
        """Whether every worker is up, and none is stuck."""
        return all(self._word(slot) == "ready" for slot in range(self.workers))

    def _word(self, slot: int) -> str:
        state = self.state(slot)
        if state is State.READY and self.silence(slot) > _STALE:
            return "stuck"
        return state.name.lower()
