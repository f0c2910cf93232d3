"""The demonstration's server: its own, and gone when it says so."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from interlock import package

TRAIN = """
import shutil, sys, time
from pathlib import Path
here = Path(__file__).parent
(here / "training").touch()
while (here / "wait").exists():
    time.sleep(0.01)
shutil.copytree(here / "package", sys.argv[2])
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A package of a model that is called as the example's is."""
    rows = np.random.default_rng(0).normal(size=(40, 2)).astype(np.float32)
    model = LogisticRegression().fit(rows, rows[:, 0] > 0)
    out = tmp_path_factory.mktemp("built") / "ecg"
    return package.build(model, name="ecg", sample=rows, tensor="beat", out=out).path


@pytest.fixture
def project(built: Path, tmp_path: Path) -> Path:
    """A project that trains at once, and has nothing to ask."""
    (tmp_path / "package").symlink_to(built)
    (tmp_path / "train.py").write_text(TRAIN)
    (tmp_path / "holdout.py").write_text("")
    return tmp_path


@pytest.fixture
def port() -> int:
    """A port that is free at this moment."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def start(project: Path, port: int, *options: str) -> subprocess.Popen[str]:
    words = ["demo", "--project", str(project), "--port", str(port), *options]
    return subprocess.Popen(
        [sys.executable, "-u", "-m", "interlock.cli", *words],
        env={**os.environ, "INTERLOCK_HOME": str(project / "home")},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def listening(port: int) -> bool:
    with socket.socket() as caller:
        return caller.connect_ex(("127.0.0.1", port)) == 0


def test_a_kept_server_answers_until_it_is_told_to_end(project: Path, port: int) -> None:
    """SIGTERM, as Ctrl-C does, ends the demonstration and every process that it started."""
    with start(project, port, "--keep") as process:
        assert process.stdout is not None
        said = []
        for line in process.stdout:
            said.append(line)
            if "Ctrl-C ends the server" in line:
                break
        assert process.poll() is None, said
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5) as response:
            workers = [worker["pid"] for worker in json.load(response)["workers"]]
        assert workers
        process.send_signal(signal.SIGTERM)
        # All that were started have the other end of this pipe: it ends when the last one does.
        process.stdout.read()
        assert process.wait(20) == 0
    assert not any(Path("/proc", str(pid)).exists() for pid in workers)
    assert not listening(port)


def test_a_port_that_is_taken_is_refused_before_anything_is_done(project: Path) -> None:
    """Nothing is trained, nothing emptied; the message names the port and the way out."""
    kept = project / "home" / "demo" / "kept"
    kept.parent.mkdir(parents=True)
    kept.touch()
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = other.getsockname()[1]
        process = start(project, taken)
        said, _ = process.communicate(timeout=60)
    assert process.returncode == 2
    assert f"INTERLOCK_PORT={taken}: cannot listen there: Address already in use." in said
    assert "--port" in said
    assert kept.exists()
    assert not (project / "training").exists()


class Ready(BaseHTTPRequestHandler):
    """Answers 200 to everything, as a server that is ready would."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def intruder(project: Path, port: int) -> Iterator[None]:
    """Another server takes the port while the demonstration trains."""
    (project / "wait").touch()
    ended = threading.Event()

    def intrude() -> None:
        while not (project / "training").exists() and not ended.is_set():
            time.sleep(0.01)
        with HTTPServer(("127.0.0.1", port), Ready) as server:
            (project / "wait").unlink()
            server.timeout = 0.05
            while not ended.is_set():
                server.handle_request()

    thread = threading.Thread(target=intrude)
    thread.start()
    yield
    ended.set()
    thread.join()


@pytest.mark.usefixtures("intruder")
def test_another_server_is_not_taken_for_its_own(project: Path, port: int) -> None:
    """Its own server could not listen: nobody asks the other one."""
    process = start(project, port)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 3
    assert f"INTERLOCK_PORT={port}: cannot listen there" in said
    assert "the server ended with 2, see above" in said
    assert "4. Ask" not in said
