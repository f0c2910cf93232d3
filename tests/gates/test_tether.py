"""A server does not outlive the gate that started it, however that ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from interlock.package import Package

from .staged import version

SCRIPT = """
import sys, time
from pathlib import Path
from interlock.gates.server import serving

with serving(Path(sys.argv[1]), Path(sys.argv[2]), workers=2) as server:
    print(*server.processes(), flush=True)
    time.sleep(60)
"""


@pytest.fixture
def gate(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[subprocess.Popen[str]]:
    """A process that has a server running, as a gate has."""
    package: Package = version(tmp_path_factory, "1.0.0")
    command = [sys.executable, "-c", SCRIPT, str(package.path), str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        yield process
        process.kill()


def running(pid: int) -> bool:
    """Whether the process is there, and not only waiting to be reaped."""
    try:
        stat = Path("/proc", str(pid), "stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] not in "ZX"


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_servers_end_with_a_gate_that_is_killed(
    gate: subprocess.Popen[str], end: signal.Signals
) -> None:
    """Supervisor and workers: nobody is left to end them, so the kernel tells them."""
    assert gate.stdout is not None
    pids = [int(word) for word in gate.stdout.readline().split()]
    assert len(pids) >= 3
    assert all(map(running, pids))
    os.kill(gate.pid, end)
    gate.wait(10)
    deadline = time.monotonic() + 15
    while any(map(running, pids)):
        assert time.monotonic() < deadline, "the server outlives its gate"
        time.sleep(0.02)


def test_a_module_whose_parent_is_gone_does_not_start() -> None:
    """The gate may be killed before the tether holds."""
    words = [sys.executable, "-I", "-m", "interlock.tether", "1", "this"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stdout == ""
