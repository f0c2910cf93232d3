"""`interlock demo`: the whole way of a model, on real heartbeats, by a user's own commands."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from interlock import settings
from interlock.cli.output import out
from interlock.errors import ConfigurationError, InterlockError
from interlock.serve import listener

app = typer.Typer(add_completion=False)

_ENDS = {signal.SIGINT, signal.SIGTERM}
_START = 60.0  # seconds that the server may take to be ready
_INTERLOCK = [sys.executable, "-m", "interlock.cli"]


@app.command()
def demo(
    project: Annotated[Path, typer.Option(help="The example project.")] = Path("examples/ecg"),
    port: Annotated[int | None, typer.Option(help="Port to serve on.")] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the server up; Ctrl-C ends.")] = False,
) -> None:
    """Train on real heartbeats, build a package, register it, serve it, and ask about the holdout.

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
    environment = {**os.environ, "INTERLOCK_HOME": str(home)}
    package = home / "ecg-1.0.0"
    _say("1. Train on 2,000 heartbeats, judge on others, build a package", bold=True)
    policy = str(project / "interlock.toml")
    _run(["interlock", "train", "--policy", policy, "--out", str(package)], environment)
    _say("2. Register it, and say that it is the one to serve", bold=True)
    words = ["--alias", "champion", "--reason", "first model"]
    _run(["interlock", "model", "register", str(package), *words], environment)
    _say("3. Serve the champion", bold=True)
    serve = ["interlock", "serve", "ecg", "--port", str(current.port)]
    with _serving(serve, environment, home) as url:
        _say("4. Ask about 1,000 heartbeats that training never saw", bold=True)
        _run(["python", str(project / "holdout.py"), f"{url}/predict"], environment)
        if keep:
            # Blocked, so that the wait sees them and the server is ended whichever it is.
            signal.pthread_sigmask(signal.SIG_BLOCK, _ENDS)
            _next(project, home, url, kept=True)
            signal.sigwait(_ENDS)
    if not keep:
        _next(project, home, url, kept=False)


def _run(command: list[str], environment: dict[str, str]) -> None:
    """Show `command` and run it; its output is indented below it."""
    _show(command)
    process = subprocess.Popen(
        _executable(command),
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    for line in process.stdout or ():
        _say(f"   {line.rstrip()}")
    if process.wait():
        raise InterlockError(f"{command[0]} {command[1]} ended with {process.returncode}")


@contextmanager
def _serving(command: list[str], environment: dict[str, str], home: Path) -> Iterator[str]:
    """The server's URL, from when it is ready until the block ends."""
    _show(command)
    # A signal from the terminal is for the demonstration, which then ends the server itself.
    process = subprocess.Popen(_executable(command), env=environment, start_new_session=True)
    try:
        # Written by this process and no other, when its workers are ready. Asking the port would
        # not do: another server may have taken it meanwhile.
        yield _read(home / "run" / str(process.pid) / "address", process)
    finally:
        process.terminate()
        process.wait()


def _read(file: Path, process: subprocess.Popen[bytes]) -> str:
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
            "   interlock init my-model          # a project of your own",
        ]
    )
    _say("Try next", bold=True)
    for line in lines:
        _say(line)
