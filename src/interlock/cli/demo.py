"""`interlock demo`: the whole way of a model, on real heartbeats, by a user's own commands."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Annotated, Any, Self

import typer
from rich.text import Text

from interlock import settings
from interlock.cli.output import out
from interlock.errors import ConfigurationError, InterlockError
from interlock.serve import listener

app = typer.Typer(add_completion=False)

_ENDS = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)
_START = 60.0  # seconds that the server may take to be ready
_GRACE = 5.0  # seconds beyond the server's own drain after which a process is killed
_GATES = ("integrity", "signature", "parity", "champion", "floor", "calibration")
_PROMOTION = [
    *("--to", "champion", "--force"),
    *("--reason", "a demonstration has no time for all gates that the policy needs"),
]
_INTERLOCK = [sys.executable, "-m", "interlock.cli"]


@app.command()
def demo(
    project: Annotated[Path, typer.Option(help="The example project.")] = Path("examples/ecg"),
    port: Annotated[int | None, typer.Option(help="Port to serve on.")] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the server up; Ctrl-C ends.")] = False,
) -> None:
    """Train on real heartbeats, package, judge by gates, serve, and ask about the holdout.

    Everything it makes is under INTERLOCK_HOME/demo, which each run begins by emptying.
    """
    if not (project / "train.py").is_file():
        raise ConfigurationError(
            f"{project / 'train.py'} is not here: run this in a checkout of Interlock, or say where"
            " the example is with --project"
        )
    current = settings.read(port=port)
    # Before anything is emptied: another demonstration may be serving from there.
    listener.bind(current).close()
    home = current.home / "demo"
    if home.exists():
        shutil.rmtree(home)
    package = home / "ecg-1.0.0"
    environment = {**os.environ, "INTERLOCK_HOME": str(home)}
    with _Processes(environment, current.drain + _GRACE) as processes:
        rules = ["--policy", str(project / "interlock.toml")]
        _say("1. Train on 2,000 heartbeats, judge on others, build a package", bold=True)
        _run(processes, ["interlock", "train", *rules, "--out", str(package), "--register"])
        _say("2. Put it before the gates that take seconds, and make it the champion", bold=True)
        gates = [word for gate in _GATES for word in ("--gate", gate)]
        report = ["--out", str(home / "gates")]
        _run(processes, ["interlock", "gate", "run", "ecg", "1.0.0", *rules, *gates, *report])
        _run(processes, ["interlock", "model", "promote", "ecg", "1.0.0", *_PROMOTION])
        _say("3. Serve the champion", bold=True)
        serve = ["interlock", "serve", "ecg", "--port", str(current.port)]
        with _serving(processes, serve, home) as url:
            _say("4. Ask about 1,000 heartbeats that training never saw", bold=True)
            _run(processes, ["python", str(project / "holdout.py"), f"{url}/predict"])
            if keep:
                _next(project, home, url, kept=True)
                with suppress(SystemExit):
                    signal.pause()
    if not keep:
        _next(project, home, url, kept=False)


class _Processes:
    """The processes of a demonstration: whichever way it ends, none of them outlives it.

    A signal that ends it is raised as SystemExit, but never between the start of a process and its
    being on the list.
    """

    def __init__(self, environment: dict[str, str], patience: float) -> None:
        self._environment = environment
        self._patience = patience
        self._running: list[subprocess.Popen[str]] = []
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
        for process in list(self._running):
            self.end(process)
        for call, handler in self._handlers.items():
            signal.signal(call, handler)

    def start(self, command: list[str], output: int | None) -> subprocess.Popen[str]:
        """Start one of the user's own commands, in a session of its own.

        A signal from the terminal is for the demonstration, which then ends it itself.
        """
        _show(command)
        self._starting = True
        process = subprocess.Popen(
            _executable(command),
            env=self._environment,
            stdout=output,
            stderr=None if output is None else subprocess.STDOUT,
            start_new_session=True,
            text=True,
        )
        self._running.append(process)
        self._starting = False
        self._end_if_told()
        return process

    def end(self, process: subprocess.Popen[str]) -> None:
        """End a process, if it runs, and whatever it has started and left."""
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


def _run(processes: _Processes, command: list[str]) -> None:
    """Show `command` and run it; its output is indented below it."""
    process = processes.start(command, subprocess.PIPE)
    for line in process.stdout or ():
        _say(f"   {line.rstrip()}")
    status = process.wait()
    processes.end(process)
    if status:
        raise InterlockError(f"{command[0]} {command[1]} ended with {status}")


@contextmanager
def _serving(processes: _Processes, command: list[str], home: Path) -> Iterator[str]:
    """The server's URL, from when it is ready until the block ends."""
    process = processes.start(command, None)
    # Written by this process and no other, when its workers are ready. Asking the port would not
    # do: another server may have taken it meanwhile.
    yield _read(home / "run" / str(process.pid) / "address", process)
    processes.end(process)


def _read(file: Path, process: subprocess.Popen[str]) -> str:
    """What `process` writes into `file`, as soon as it has."""
    started = time.monotonic()
    while not (file.is_file() and file.read_text()):
        if process.poll() is not None:
            raise InterlockError(f"the server ended with {process.returncode}, see above")
        if time.monotonic() - started > _START:
            raise InterlockError(f"the server was not ready after {_START:g} s")
        time.sleep(0.05)
    return file.read_text()


def _executable(command: list[str]) -> list[str]:
    known = {"python": [sys.executable], "interlock": _INTERLOCK}
    return known[command[0]] + command[1:]


def _show(command: list[str]) -> None:
    _say(f"   $ {' '.join(repr(word) if ' ' in word else word for word in command)}", bold=False)


def _say(text: str, *, bold: bool | None = None) -> None:
    style = {True: "bold", False: "cyan", None: ""}[bold]
    out.print(Text(text, style=style))


def _next(project: Path, home: Path, url: str, *, kept: bool) -> None:
    curl = f"curl -H 'Content-Type: application/json' -d @{project / 'beat.json'} {url}/predict"
    lines = (
        [f"   {curl}", f"   open {url}/docs", "   Ctrl-C ends the server"]
        if kept
        else [
            "   interlock demo --keep            # the same, and the server stays up; then:",
            f"   {curl}",
            f"   export INTERLOCK_HOME={home}   # the registry of this demonstration",
            "   interlock model history ecg      # which version was live when, and why",
            f"   less {home / 'ecg-1.0.0' / 'card.md'}   # what the package says of itself",
            f"   open {home / 'gates' / 'report.html'}   # what the gates found, with plots",
            "   interlock init my-model          # a project of your own",
        ]
    )
    _say("Try next", bold=True)
    for line in lines:
        _say(line)
