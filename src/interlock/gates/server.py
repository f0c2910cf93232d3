"""A real server under test: `interlock serve` in processes of its own, from a package alone.

It starts in a clean environment, in a directory that holds a copy of the package and nothing else,
with a home of its own. When the ``with`` block ends, for whatever reason, its processes are gone;
should this process be killed, they are told to end by themselves.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple, Self

import msgspec

from interlock import tether
from interlock.errors import ServerError
from interlock.gates.connection import Connection

_START = 60.0  # seconds; a server that takes longer has failed, whatever its budget says
_STOP = 20.0  # seconds; more than a server may take to drain
_LOOK = 0.004  # seconds between two looks at whether something has come true
_TAIL = 20  # lines of the log in an error


class Memory(NamedTuple):
    """Bytes: what is resident of the largest worker, and what all processes take together.

    Processes share pages, so `together` is the sum of their proportional shares.
    """

    worker: int
    together: int


class Victim(NamedTuple):
    """A worker that was killed: its process, the connections it held, and when it was gone.

    `gone` is in seconds of `time.monotonic`.
    """

    pid: int
    connections: int
    gone: float


class Server:
    """`interlock serve` with `arguments`, run in `place`.

    Parameters
    ----------
    place
        A directory of its own. The server runs in ``place/work``, which is what it can see; home
        and log are beside it.
    workers
        Worker processes.
    home
        ``INTERLOCK_HOME``; one below `place` when None.
    """

    def __init__(
        self, place: Path, arguments: Sequence[str], *, workers: int = 1, home: Path | None = None
    ) -> None:
        self.work = place / "work"
        self.workers = workers
        self.url = ""
        self.began = 0.0
        self._home = home or place / "home" / ".interlock"
        self._log = place / "server.log"
        self._arguments = list(arguments)
        self._port = 0
        self._process: subprocess.Popen[bytes] | None = None
        self.environment = {
            "PATH": "/usr/bin:/bin",
            "HOME": str(place / "home"),
            "LANG": "C.UTF-8",
            "INTERLOCK_HOME": str(self._home),
        }
        for folder in (self.work, self._home):
            folder.mkdir(parents=True, exist_ok=True)

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            # Ctrl-C too: a server that is only half there must not outlive us.
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """The supervisor's process."""
        if self._process is None:
            raise ServerError("the server is not running")
        return self._process.pid

    def start(self) -> None:
        """Start, and wait until every worker is ready; `began` is when that was asked for.

        Raises
        ------
        ServerError
            When it ends or is not ready in time; shows the end of its log.
        """
        command = tether.command("interlock.cli", "serve", *self._arguments)
        command += ["--workers", str(self.workers), "--port", str(self._port)]
        with self._log.open("ab") as log:
            self.began = time.monotonic()
            self._process = subprocess.Popen(
                command,
                cwd=self.work,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.url = self._address()
        self._port = int(self.url.rpartition(":")[2])

    def stop(self) -> None:
        """End every process: kindly at first."""
        if self._process is None:
            return
        try:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(_STOP)
        except subprocess.TimeoutExpired:
            pass  # what follows is for that
        finally:
            self._end(self._process)
            self._process = None

    def restart(self) -> None:
        """Stop, and start again at the same address."""
        self.stop()
        self.start()

    def log(self, lines: int = _TAIL) -> str:
        """The last lines of the server's log."""
        text = self._log.read_text(errors="replace") if self._log.exists() else ""
        return "\n".join(text.splitlines()[-lines:]) or "(it said nothing)"

    def health(self) -> dict[str, Any]:
        """What the server says of itself; raises ServerError when it says nothing."""
        with Connection(self.url) as connection:
            said: dict[str, Any] = msgspec.json.decode(connection.get("/health").body)
        return said

    def worker_pids(self) -> list[int]:
        """Processes of the workers that are ready."""
        workers = self.health()["workers"]
        return [worker["pid"] for worker in workers if worker["state"] == "ready"]

    def processes(self) -> list[int]:
        """Every process of the server: supervisor, workers, and what they started."""
        return _session(self._process.pid) if self._process else []

    def memory(self) -> Memory:
        """What the server takes at this moment."""
        supervisor = self.pid
        shares = {pid: _shares(pid) for pid in self.processes()}
        workers = [found.worker for pid, found in shares.items() if pid != supervisor]
        return Memory(max(workers, default=0), sum(found.together for found in shares.values()))

    def kill_worker(self) -> Victim:
        """End the worker with the most connections at once, as a crash would.

        Returns when its process is gone.
        """
        ready = [worker for worker in self.health()["workers"] if worker["state"] == "ready"]
        worker = max(ready, key=lambda one: one["connections"])
        pid = worker["pid"]
        os.kill(pid, signal.SIGKILL)
        while _alive(pid):
            time.sleep(_LOOK / 4)
        return Victim(pid, worker["connections"], time.monotonic())

    def recovered(self, victim: Victim, seconds: float = _START) -> float:
        """Seconds from `victim`'s end until every worker is ready again, another in its place.

        Raises
        ------
        ServerError
            When that takes longer than `seconds`.
        """
        while time.monotonic() - victim.gone < seconds:
            pids = self.worker_pids()
            if len(pids) == self.workers and victim.pid not in pids:
                return time.monotonic() - victim.gone
            time.sleep(_LOOK)
        raise ServerError(f"no worker took the place of a dead one in {seconds:g} s:\n{self.log()}")

    def _address(self) -> str:
        """The URL, once the server has written it: it does so when every worker is ready."""
        file = self._home / "run" / str(self.pid) / "address"
        while time.monotonic() - self.began < _START:
            if file.exists() and (url := file.read_text()):
                return url
            if self._process is None or self._process.poll() is not None:
                raise ServerError(f"the server did not start:\n{self.log()}")
            time.sleep(_LOOK)
        raise ServerError(f"the server was not ready within {_START:g} s:\n{self.log()}")

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        """Kill what is left, the first process last: its number stays ours until it is waited for.

        Raises
        ------
        ServerError
            When a process is there all the same.
        """
        deadline = time.monotonic() + _STOP
        while left := _session(process.pid):
            for pid in left:
                _kill(pid)
            process.poll()
            if time.monotonic() > deadline:
                raise ServerError(f"processes {left} of the server cannot be ended")
            time.sleep(_LOOK)
        process.wait()


@contextmanager
def serving(package: Path, scratch: Path, *, workers: int = 1) -> Iterator[Server]:
    """A server of a copy of the package at `package`, in a new directory below `scratch`."""
    place = Path(tempfile.mkdtemp(prefix="server-", dir=scratch)).resolve()
    shutil.copytree(package, place / "work" / "package")
    with Server(place, ["--package", "package"], workers=workers) as server:
        yield server


def _session(leader: int) -> list[int]:
    """Processes of the session that `leader` began, those that only wait to be reaped left out."""
    found = []
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        state, session = _state(int(folder.name))
        if session == leader and state not in "ZX":
            found.append(int(folder.name))
    return found


def _alive(pid: int) -> bool:
    return _state(pid)[0] not in "ZX"


def _state(pid: int) -> tuple[str, int]:
    """State of a process (X when there is none) and its session."""
    try:
        stat = Path("/proc", str(pid), "stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return "X", 0
    # The name of the program is in brackets and may hold anything; fields are counted after it.
    fields = stat.rpartition(")")[2].split()
    return fields[0], int(fields[3])


def _shares(pid: int) -> Memory:
    """Resident bytes of a process, and its share of them; nothing when it has just ended."""
    try:
        text = Path("/proc", str(pid), "smaps_rollup").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return Memory(0, 0)
    sizes = {line.split()[0]: int(line.split()[1]) for line in text.splitlines()[1:]}
    return Memory(sizes.get("Rss:", 0) * 1024, sizes.get("Pss:", 0) * 1024)


def _kill(pid: int) -> None:
    with suppress(ProcessLookupError):  # it ended by itself
        os.kill(pid, signal.SIGKILL)
