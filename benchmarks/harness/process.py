"""Servers as child processes: each in a process group of its own, and only those are ever ended."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).parents[1]
START_LIMIT = 30.0
STOP_LIMIT = 10.0


class BenchmarkError(Exception):
    """A server did not start, or did not answer as the model does."""


class Server(NamedTuple):
    """A running server and where it listens."""

    name: str
    port: int
    process: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/predict"


def free_port() -> int:
    """A port of the loopback that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def running(
    name: str, command: Sequence[str], environment: Mapping[str, str], log: Path
) -> Iterator[Server]:
    """Start `command` ("{port}" becomes a free port) and end its process group at the end."""
    port = free_port()
    with log.open("wb") as output:
        process = subprocess.Popen(
            [part.replace("{port}", str(port)) for part in command],
            cwd=HERE,
            env={**os.environ, **environment},
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield Server(name, port, process)
    finally:
        stop(process)


def stop(process: subprocess.Popen[bytes]) -> None:
    """Ask the process to end, then end what is left of its group."""
    if process.poll() is None:
        process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(STOP_LIMIT)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def first_answer(server: Server, body: bytes, log: Path) -> bytes:
    """The first good answer to `body`; asks again and again until it comes.

    Raises
    ------
    BenchmarkError
        When the server ends, or says nothing good for half a minute.
    """
    stop_at = time.monotonic() + START_LIMIT
    while time.monotonic() < stop_at and server.process.poll() is None:
        answer = ask(server, body)
        if answer is not None:
            return answer
        time.sleep(0.005)
    raise BenchmarkError(f"{server.name} did not answer:\n{log.read_text()[-2000:]}")


def ask(server: Server, body: bytes) -> bytes | None:
    """One request on a connection of its own; None unless the answer is good."""
    connection = HTTPConnection("127.0.0.1", server.port, timeout=5)
    try:
        connection.request("POST", "/predict", body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        said = answer.read()
    except (OSError, HTTPException):
        return None
    finally:
        connection.close()
    return said if answer.status == 200 else None


def children(pid: int) -> list[int]:
    """Direct children of a process, oldest first."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


class Memory(NamedTuple):
    """Bytes of several processes together: resident, and with shared pages counted in parts."""

    resident: int
    proportional: int


def memory(pids: Sequence[int]) -> Memory:
    """What the processes hold, by the kernel's own sums."""
    rows = [
        line.split() for pid in pids for line in _rollup(pid) if line.startswith(("Rss:", "Pss:"))
    ]
    sums = {
        key: sum(int(row[1]) * 1024 for row in rows if row[0] == key) for key in ("Rss:", "Pss:")
    }
    return Memory(sums["Rss:"], sums["Pss:"])


def _rollup(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
