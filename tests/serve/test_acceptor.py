"""New connections, shared by workers."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from .conftest import Running, serving
from .wire import Wire, get


@pytest.fixture(scope="module")
def server(beat_package: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Two workers."""
    home = tmp_path_factory.mktemp("home")
    with serving(home, "--package", str(beat_package), workers=2) as running:
        yield running


def connections(server: Running) -> list[int]:
    return [int(worker["connections"]) for worker in server.workers()]


@pytest.mark.parametrize("pause", [0.0, 0.005])
def test_connections_are_shared_evenly(server: Running, pause: float) -> None:
    """Sixteen connections make eight for each of two workers, opened at once or in turn."""
    server.client.close()
    server.client = type(server.client)(base_url=server.url, timeout=20)
    server.wait_for(lambda: sum(connections(server)) == 1)
    with ExitStack() as stack:
        for _ in range(16):
            stack.enter_context(Wire(server.url))
            time.sleep(pause)
        server.wait_for(lambda: sum(connections(server)) == 17)
        # One of the seventeen is the one that asks.
        assert max(connections(server)) - min(connections(server)) <= 3


def test_a_worker_that_does_not_move_blocks_no_new_connection(server: Running) -> None:
    """A stopped sibling has the fewest connections, but takes none: the other does not wait."""
    pid = server.workers()[0]["pid"]
    os.kill(pid, signal.SIGSTOP)
    try:
        started = time.monotonic()
        for _ in range(20):
            with Wire(server.url, timeout=5) as wire:
                assert wire.ask(get("/health/live")).status == 200
        assert time.monotonic() - started < 2
    finally:
        os.kill(pid, signal.SIGCONT)
