"""What a server's processes can see of the project that the model was trained in: nothing.

Two looks. Every process of the server is looked at under ``/proc``: its directory, its environment,
its command line, the files that it has open and those it has mapped. And a process that is started
as the server was says where it would look for modules, and whether it finds the project's own.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

from interlock.errors import ServerError
from interlock.gates.server import Server
from interlock.gates.step import Step, judged

_PROBE = """
import importlib.util, json, sys
found = {name: importlib.util.find_spec(name) for name in sys.argv[1:]}
origins = {name: spec.origin for name, spec in found.items() if spec and spec.origin}
print(json.dumps({"path": sys.path, "modules": origins}))
"""


class Project:
    """The files of the project in `folder`; what is installed or under `scratch` is not its own.

    An environment often lies in the project's folder, and so does the home of the registry.
    """

    def __init__(self, folder: Path, scratch: Path) -> None:
        self.folder = folder.resolve()
        places = {*sysconfig.get_paths().values(), sys.prefix, sys.base_prefix, str(scratch)}
        installed = {Path(place).resolve() for place in places}
        installed.add(Path(__file__).resolve().parents[2])
        # A place that the whole project lies in excuses nothing.
        self._others = [one for one in installed if not self.folder.is_relative_to(one)]

    def owns(self, file: str) -> bool:
        """Whether `file` belongs to the project."""
        path = Path(file)
        if not path.is_absolute() or not path.is_relative_to(self.folder):
            return False
        return not any(path.is_relative_to(other) for other in self._others)

    def modules(self) -> list[str]:
        """Names of the modules in its folder, but for those that the standard library has too."""
        files = {path.stem for path in self.folder.glob("*.py")}
        packages = {path.parent.name for path in self.folder.glob("*/__init__.py")}
        return sorted((files | packages) - sys.stdlib_module_names)


def look(server: Server, folder: Path, scratch: Path) -> Step:
    """Whether anything of the project in `folder` is within reach of `server`."""
    project = Project(folder, scratch)
    pids = server.processes()
    seen = [sentence for pid in pids for sentence in _process(pid, project)]
    seen += _probe(server, project)
    return judged(
        "isolation",
        seen,
        f"{len(pids)} processes run from a copy of the package alone: nothing of {project.folder}"
        " is open, mapped, in their environment or importable.",
        figures={"processes": len(pids), "seen": seen, "modules tried": project.modules()},
    )


def _process(pid: int, project: Project) -> Iterator[str]:
    root = Path("/proc", str(pid))
    if project.owns(cwd := str((root / "cwd").readlink())):
        yield f"Process {pid} runs in {cwd}."
    for file in sorted({*_open(root), *_mapped(root)}):
        if project.owns(file):
            yield f"Process {pid} has {file} open."
    arguments = _words(root / "cmdline")
    if "-I" not in arguments:
        yield f"Process {pid} is not isolated from its user's modules: {' '.join(arguments)}."
    for word in [*arguments, *_words(root / "environ")]:
        places = word.rpartition("=")[2].split(os.pathsep)
        if any(project.owns(place) for place in places):
            yield f"Process {pid} was started with {word}."


def _open(root: Path) -> Iterator[str]:
    for descriptor in (root / "fd").iterdir():
        try:
            yield str(descriptor.readlink())
        except FileNotFoundError:
            continue  # closed in the meantime


def _mapped(root: Path) -> Iterator[str]:
    for line in (root / "maps").read_text().splitlines():
        fields = line.split(maxsplit=5)
        if len(fields) == 6:
            yield fields[5]


def _words(file: Path) -> list[str]:
    return [word.decode(errors="replace") for word in file.read_bytes().split(b"\0") if word]


def _probe(server: Server, project: Project) -> Iterator[str]:
    """What a process that was started as the server was could import of the project."""
    done = subprocess.run(
        [sys.executable, "-I", "-c", _PROBE, *project.modules()],
        cwd=server.work,
        env=server.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise ServerError(f"a clean process cannot be started: {done.stderr[-500:]}")
    said = json.loads(done.stdout)
    for place in said["path"]:
        if project.owns(place):
            yield f"A clean process looks for modules in {place}: is the project installed?"
    for name, origin in said["modules"].items():
        if project.owns(origin):
            yield f"A clean process can import {name} from {origin}: is the project installed?"
