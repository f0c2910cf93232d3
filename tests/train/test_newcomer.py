"""Who does what the README of a new project says gets a champion that answers."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from interlock.registry import Registry
from interlock.settings import Settings
from interlock.train import project

PAGE = Path(__file__).parents[2] / "docs" / "gates.md"
NAME = "tumours"
PORT = "9696"
BRIEF = """
[gates.budget]
seconds = 1
p50 = 1
p99 = 5
slower = 50
[gates.infra]
seconds = 1
"""
"""So that the second run is short, and other tests beside it do not matter."""

pytestmark = pytest.mark.timeout(900)  # two whole runs of the gates, under load


def blocks(page: str) -> list[list[str]]:
    """The commands of each shell block."""
    return [block.splitlines() for block in re.findall(r"```bash\n(.*?)```", page, re.DOTALL)]


class Newcomer:
    """A person in a fresh project, with a shell."""

    def __init__(self, folder: Path, port: str) -> None:
        self.folder, self._port = folder, port
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        own = {name: value for name, value in os.environ.items() if "INTERLOCK" not in name}
        self._environment = own | {
            "PATH": path,
            "INTERLOCK_PORT": port,
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",  # plugins of our own tests, slow to load
        }

    def start(self, lines: str, **more: str) -> subprocess.Popen[str]:
        """Begin what the lines say; the shell becomes the last command of a single line."""
        return subprocess.Popen(
            ["bash", "-c", lines.replace(PORT, self._port)],
            cwd=self.folder,
            env=self._environment | more,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, lines: str, **more: str) -> str:
        """What the lines print; they must succeed."""
        with self.start(lines, **more) as process:
            printed, _ = process.communicate(timeout=600)
        assert process.returncode == 0, printed
        return printed


@pytest.fixture(scope="module")
def newcomer(tmp_path_factory: pytest.TempPathFactory) -> Newcomer:
    """A newcomer who has done all that the README says until there is a server to start."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    found = Newcomer(project.create(NAME, tmp_path_factory.mktemp("newcomer")), port)
    *before, serve = blocks((found.folder / "README.md").read_text())[0]
    assert serve.startswith("interlock serve")
    for line in before:
        found.run(line)
    return found


@pytest.fixture
def served(newcomer: Newcomer) -> Iterator[Newcomer]:
    """The same newcomer, whose server is up."""
    process = newcomer.start(blocks((newcomer.folder / "README.md").read_text())[0][-1])
    address = newcomer.folder / ".interlock" / "run" / str(process.pid) / "address"
    try:
        while not (address.exists() and address.read_text()):
            assert process.poll() is None, process.communicate()
            time.sleep(0.05)
        yield newcomer
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)


def test_the_first_version_goes_live_and_answers(served: Newcomer) -> None:
    """Train, register, pass every gate, be promoted without force, and answer the record."""
    ask = blocks((served.folder / "README.md").read_text())[1]
    answered = json.loads(served.run("\n".join(ask)).splitlines()[-1])
    assert answered["label"] == "malignant"
    assert answered["version"] == "1.0.0"


def test_the_next_version_passes_in_a_job(newcomer: Newcomer) -> None:
    """What tuning found is not worse than the champion, and the commands for a job promote it."""
    tune, gate = blocks((newcomer.folder / "README.md").read_text())[2]
    policy = newcomer.folder / "interlock.toml"
    policy.write_text(policy.read_text().replace("trials = 20", "trials = 4") + BRIEF)
    newcomer.run(tune)
    assert gate.startswith(f"interlock gate run {NAME} 1.0.1")
    (job,) = blocks(PAGE.read_text())
    said = newcomer.run("\n".join(job), MODEL=NAME, VERSION="1.0.1", JOB="7")
    assert f"{NAME}:1.0.1 passed" in said
    assert (newcomer.folder / "report" / "report.html").is_file()
    registry = Registry(Settings(home=newcomer.folder / ".interlock"))
    assert {one.version: one.aliases for one in registry.versions(NAME)} == {
        "1.0.0": ("champion",),
        "1.0.1": ("staging",),
    }
    registry.close()


def test_what_the_commands_leave_is_not_for_version_control(newcomer: Newcomer) -> None:
    """After all of it git sees the files of the template, and nothing else."""
    seen = newcomer.run("git init -q . && git add -A && git ls-files").split()
    made = set(project.FILES.values())
    assert {file for file in seen if not file.startswith("report/")} == made, seen
