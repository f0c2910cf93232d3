"""Loads a package in a process of its own that reports whatever runs besides our own code.

``python -I -c 'from interlock.gates.loading import main; main()' DIRECTORY`` prints one JSON
object: what was seen, and how the load went. Everything of ours is imported before the watch
begins, so that what happens after that was caused by the package.
"""

from __future__ import annotations

import ast
import collections
import contextlib
import dataclasses
import json
import subprocess
import sys
import sysconfig
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from interlock.engine import Session
from interlock.package import Package, verify
from interlock.signature.records import Decoder

SECONDS = 120
"""Longest time that a package may take to load and answer its golden examples."""

# https://docs.python.org/3/library/audit_events.html
_NEVER = (
    "ctypes.dlopen",
    "os.exec",
    "os.fork",
    "os.forkpty",
    "os.posix_spawn",
    "os.spawn",
    "os.startfile",
    "os.system",
    "pickle.find_class",
    "pty.spawn",
    "socket.bind",
    "socket.connect",
    "subprocess.Popen",
)
# They make code of what an imported module declares: fields, annotations, literals.
_DECLARING = {ast.__file__, collections.__file__, dataclasses.__file__, typing.__file__}
_PROGRAM = "from interlock.gates.loading import main; main()"


class Loaded(msgspec.Struct, frozen=True):
    """How it went: what was seen that should not be, what failed, and golden examples answered."""

    seen: tuple[str, ...]
    failure: str = ""
    answered: int = 0


class Watch:
    """An audit hook that notes code from `root`, code made of text, processes and connections."""

    def __init__(self, root: Path) -> None:
        self.seen: list[str] = []
        self._root = str(root.resolve())
        installed = {*sysconfig.get_paths().values(), str(Path(__file__).parents[1])}
        self._installed = tuple(str(Path(place).resolve()) for place in installed)

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event in _NEVER:
            self._note(f"{event} {arguments[:1]!r}")
        elif event == "exec":
            self._code("exec", arguments[0].co_filename)
        elif event == "compile":
            self._code("compile", arguments[1])
        elif event == "import" and arguments[1]:
            self._library(str(arguments[1]))

    def _code(self, event: str, file: Any) -> None:
        name = str(file)
        if name.startswith("<frozen ") or _below(name, self._installed):
            return
        if name.startswith("<") and _caller() in _DECLARING:
            return
        self._note(f"{event} of {name}")

    def _library(self, file: str) -> None:
        if not _below(file, self._installed):
            self._note(f"import of {file}")

    def _note(self, what: str) -> None:
        if what not in self.seen:
            self.seen.append(what)


def load(package: Package, scratch: Path) -> Loaded:
    """Load `package` in a clean process: nothing of this environment, `scratch` as home."""
    command = [sys.executable, "-I", "-c", _PROGRAM, str(package.path.resolve())]
    clean = {"PATH": "/usr/bin:/bin", "HOME": str(scratch), "LANG": "C.UTF-8"}
    try:
        done = subprocess.run(
            command,
            cwd=scratch,
            env=clean,
            capture_output=True,
            timeout=SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Loaded(seen=(), failure=f"it did not load within {SECONDS} s")
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        last = said[-1] if said else "no message"
        return Loaded(seen=(), failure=f"the process ended with {done.returncode}: {last}")
    return msgspec.json.decode(done.stdout, type=Loaded)


def main() -> None:
    """Load the package that the command line names, and print what was seen."""
    root = Path(sys.argv[1])
    _warm()
    watch = Watch(root)
    sys.addaudithook(watch)
    failure, answered = "", 0
    try:
        answered = _answer(root)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is what the gate has to tell
        failure = f"{type(error).__name__}: {error}"
    seen = [*watch.seen, *_mapped(root)]
    print(json.dumps({"seen": seen, "failure": failure, "answered": answered}))


def _warm() -> None:
    """What our libraries do at their first use: msgspec compiles the annotations of our types."""
    for kind in _below_type(msgspec.Struct):
        if kind.__module__.startswith("interlock."):
            with contextlib.suppress(msgspec.ValidationError):
                msgspec.json.decode(b"{}", type=kind)


def _below_type(kind: type[Any]) -> Iterator[type[Any]]:
    for child in kind.__subclasses__():
        yield child
        yield from _below_type(child)


def _answer(root: Path) -> int:
    package = verify(root)
    session = Session(package.graph_path, package.signature)
    decoder = Decoder(package.signature)
    records = package.golden().records
    for record in records:
        session.run(decoder.decode(msgspec.json.encode(record)).feed)
    return len(records)


def _mapped(root: Path) -> list[str]:
    """Libraries under `root` that the process has mapped: loading one in C raises no event."""
    maps = Path("/proc/self/maps")
    lines = maps.read_text().splitlines() if maps.exists() else []
    found = [line.split(maxsplit=5) for line in lines]
    inside = [part for part in found if len(part) == 6 and _below(part[5], (str(root.resolve()),))]
    return sorted({f"{part[5]} is mapped as a program" for part in inside if "x" in part[1]})


def _caller() -> str:
    """File of the code that caused the event: the first frame that is not of this module."""
    frame = sys._getframe(1)  # noqa: SLF001 - the one way to know who compiles a text
    while frame.f_back is not None and frame.f_code.co_filename == __file__:
        frame = frame.f_back
    return frame.f_code.co_filename


def _below(file: str, places: tuple[str, ...]) -> bool:
    return file.startswith(tuple(f"{place}/" for place in places))
