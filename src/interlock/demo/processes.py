"""The processes of a demonstration: the user's own commands, shown, and gone when it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple, Self

from interlock.demo.words import Words
from interlock.errors import InterlockError

_ENDS = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)
_KNOWN = {"python": [sys.executable], "interlock": [sys.executable, "-m", "interlock.cli"]}

Process = subprocess.Popen[str]


class _Beside(NamedTuple):
    name: str
    process: Process
    log: Path


class Processes:
    """Starts processes in `environment` and says so in `words`; whichever way it ends, none of
    them outlives it. One that will not end is killed after `patience` seconds.

    A signal that ends it is raised as SystemExit, but never between the start of a process and its
    being on the list.
    """

    def __init__(self, environment: Mapping[str, str], patience: float, words: Words) -> None:
        self._environment = environment
        self._patience = patience
        self._words = words
        self._running: list[Process] = []
        self._beside: list[_Beside] = []
        self._handlers: dict[signal.Signals, Any] = {}
        self._starting = False
        self._told = 0

    def __enter__(self) -> Self:
        for call in _ENDS:
            # Who runs it under nohup means it.
            if signal.getsignal(call) is not signal.SIG_IGN:
                self._handlers[call] = signal.signal(call, self._hear)
        return self

    def __exit__(self, *_: object) -> None:
        self._told = self._told or signal.SIGTERM  # another signal must not stop this
        for process in reversed(self._running.copy()):
            self.end(process)
        for call, handler in self._handlers.items():
            signal.signal(call, handler)

    def run(self, command: Sequence[str], *, codes: Collection[int] = (0,)) -> int:
        """Run `command`, its output indented below it; the exit code, which must be of `codes`."""
        process = self.start(command, subprocess.PIPE)
        if process.stdout is not None:
            with process.stdout as said:
                for line in said:
                    self._words.plain(f"   {line.rstrip()}")
        code = process.wait()
        self.end(process)
        if code not in codes:
            raise InterlockError(f"{command[0]} {command[1]} ended with {code}")
        return code

    def beside(self, name: str, command: Sequence[str], log: Path) -> Process:
        """Start `command` to run beside all that follows; what it says goes into `log`."""
        with log.open("w") as file:
            process = self.start(command, file.fileno())
        self._beside.append(_Beside(name, process, log))
        return process

    def check(self) -> None:
        """Raise InterlockError when something that runs beside has ended; shows what it said."""
        for name, process, log in self._beside:
            if process.poll() is not None:
                for line in log.read_text().splitlines()[-20:]:
                    self._words.plain(f"   {line}")
                raise InterlockError(f"{name} ended with {process.returncode}, see above")

    def start(self, command: Sequence[str], output: int) -> Process:
        """Start one of the user's own commands, in a session of its own.

        A signal from the terminal is for the demonstration, which then ends it itself.
        """
        self._words.command(command)
        self._starting = True
        process = subprocess.Popen(
            [*_KNOWN[command[0]], *command[1:]],
            env=self._environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            text=True,
        )
        self._running.append(process)
        self._starting = False
        self._end_if_told()
        return process

    def end(self, process: Process) -> None:
        """End a process, if it runs, and whatever it has started and left."""
        self._beside = [one for one in self._beside if one.process is not process]
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(self._patience)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        self._running.remove(process)

    def _hear(self, call: int, _frame: FrameType | None) -> None:
        if not self._told:
            self._told = call
            self._end_if_told()

    def _end_if_told(self) -> None:
        if self._told and not self._starting:
            raise SystemExit(128 + self._told)
