"""One home and one port, on which a server is started again whenever its supervisor was killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Literal, TypeAlias

from harness.process import BenchmarkError, children, free_port

from interlock.journal import status
from interlock.settings import Settings

Role: TypeAlias = Literal["worker", "shipper", "supervisor"]
ROLES: tuple[Role, ...] = ("worker", "shipper", "supervisor")

WORKERS = 2
_SHIPPER = b"interlock.journal"
_START_LIMIT = 30.0
_STOP_LIMIT = 30.0
_SHIP_LIMIT = 120.0

# Small segments, so that many are begun, closed and deleted between the kills.
_SMALL = {"INTERLOCK_JOURNAL_SEGMENT_SIZE": "262144", "INTERLOCK_JOURNAL_SEGMENT_AGE": "2"}


class House:
    """A server of `package` under `home`; see `running`."""

    def __init__(self, package: Path, home: Path) -> None:
        self.port = free_port()
        self.settings = Settings(home=home)
        self.log = home / "server.log"
        self._started: list[subprocess.Popen[bytes]] = []
        command = [sys.executable, "-m", "interlock.cli", "serve", "--package", str(package)]
        self._command = [*command, "--port", str(self.port), "--workers", str(WORKERS)]

    @contextmanager
    def running(self) -> Iterator[None]:
        """Serve until the block ends; whatever was started is ended then."""
        self.settings.home.mkdir(parents=True, exist_ok=True)
        try:
            self._start()
            yield
            self._stop()
        finally:
            for process in self._started:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    def kill(self, role: Role, among: int) -> bool:
        """SIGKILL a process of that role (`among` picks one); False when there is none just now.

        A supervisor is started again, as whoever watches over it would do.
        """
        supervisor = self._started[-1]
        found = [supervisor.pid] if role == "supervisor" else self._pids(role)
        if not found:
            return False
        with suppress(ProcessLookupError):
            os.kill(found[among % len(found)], signal.SIGKILL)
        if role == "supervisor":
            supervisor.wait()
            self._start()
        return True

    def shipped(self) -> None:
        """Wait until the shipper says that all is where it belongs.

        Raises
        ------
        BenchmarkError
            When that takes more than two minutes.
        """
        stop_at = time.monotonic() + _SHIP_LIMIT
        begun = time.time()
        while time.monotonic() < stop_at:
            found = status.read(self.settings.spool())
            if found and found.moment > begun and all(not sink.lag_bytes for sink in found.sinks):
                return
            time.sleep(0.1)
        raise BenchmarkError(f"the shipper did not come to an end:\n{self._said()}")

    def _pids(self, role: Role) -> list[int]:
        shipping = role == "shipper"
        return [
            pid for pid in children(self._started[-1].pid) if (_SHIPPER in _title(pid)) == shipping
        ]

    def _start(self) -> None:
        """Start a server and wait until all its workers are ready."""
        with self.log.open("ab") as output:
            process = subprocess.Popen(
                self._command,
                env={**_SMALL, **os.environ, "INTERLOCK_HOME": str(self.settings.home)},
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._started.append(process)
        address = self.settings.home / "run" / str(process.pid) / "address"
        stop_at = time.monotonic() + _START_LIMIT
        while not address.exists():
            if process.poll() is not None or time.monotonic() > stop_at:
                raise BenchmarkError(f"the server did not start:\n{self._said()}")
            time.sleep(0.01)

    def _stop(self) -> None:
        process = self._started[-1]
        process.terminate()
        try:
            process.wait(_STOP_LIMIT)
        except subprocess.TimeoutExpired:
            raise BenchmarkError(f"the server did not stop:\n{self._said()}") from None

    def _said(self) -> str:
        return self.log.read_text(errors="replace")[-3000:]


def _title(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:  # it has ended
        return b""
