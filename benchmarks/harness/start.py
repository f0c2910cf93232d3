"""How long our server and its workers take to the first answer, and what idle workers hold."""

from __future__ import annotations

import os
import signal
import statistics
import time
from pathlib import Path

import msgspec

from harness import process, targets
from harness.models import Case
from harness.process import Memory, Server


class Start(msgspec.Struct, frozen=True):
    """Medians, in seconds."""

    server: float
    """From the command to its first answer, interpreter and imports included."""
    worker: float
    """From the death of the only worker to the first answer of its replacement."""


def starts(case: Case, folder: Path, times: int = 5) -> Start:
    """Start the server and kill its worker, `times` over."""
    pairs = [_start(case, folder) for _ in range(times)]
    return Start(
        server=statistics.median(server for server, _ in pairs),
        worker=statistics.median(worker for _, worker in pairs),
    )


def _start(case: Case, folder: Path) -> tuple[float, float]:
    body, log = case.body.read_bytes(), folder / "start.log"
    begin = time.perf_counter()
    told = targets.environment(case, folder)
    with process.running(targets.OURS, targets.ours(case, workers=1), told, log) as server:
        process.first_answer(server, body, log)
        started = time.perf_counter()
        os.kill(process.children(server.process.pid)[0], signal.SIGKILL)
        process.first_answer(server, body, log)
        return started - begin, time.perf_counter() - started


def idle(server: Server, case: Case) -> Memory:
    """Memory of both workers once each of them has most likely answered, and before any load."""
    for _ in range(20):
        process.ask(server, case.body.read_bytes())
    return process.memory(process.children(server.process.pid)[: targets.WORKERS])
