"""The demonstration's processes: its own, and gone when it says so."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import threading
import time
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from rich.console import Console

from interlock.demo.processes import Processes
from interlock.demo.words import Words
from tests.demo.project import port, project, start

__all__ = ["port", "project"]


def listening(port: int) -> bool:
    with socket.socket() as caller:
        return caller.connect_ex(("127.0.0.1", port)) == 0


def alive(pid: int) -> bool:
    return Path("/proc", str(pid)).exists()


def workers(port: int) -> list[int]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5) as response:
        return [worker["pid"] for worker in json.load(response)["workers"]]


def written(file: Path, process: subprocess.Popen[str]) -> int:
    """The number in `file`, once a process of the demonstration has written it."""
    while not (file.is_file() and file.read_text()):
        assert process.poll() is None, process.stdout and process.stdout.read()
        time.sleep(0.02)
    return int(file.read_text())


def test_a_kept_server_answers_until_it_is_told_to_end(project: Path, port: int) -> None:
    """SIGTERM, as Ctrl-C does, ends the demonstration and every process that it started."""
    with start(project, port, "--quick", "--keep") as process:
        assert process.stdout is not None
        said = []
        for line in process.stdout:
            said.append(line)
            if "Ctrl-C ends the server" in line:
                break
        assert process.poll() is None, said
        serving = workers(port)
        assert serving
        process.send_signal(signal.SIGTERM)
        # All that were started have the other end of this pipe: it ends when the last one does.
        process.stdout.read()
        assert process.wait(20) == 0
    assert not any(map(alive, serving))
    assert not listening(port)


@pytest.mark.parametrize("call", [signal.SIGHUP, signal.SIGTERM])
def test_a_signal_while_it_trains_ends_the_training(
    project: Path, port: int, call: signal.Signals
) -> None:
    """The terminal is closed, or somebody wants it ended: nothing trains on."""
    (project / "wait").touch()
    with start(project, port, "--quick") as process:
        training = written(project / "training", process)
        process.send_signal(call)
        assert process.stdout is not None
        process.stdout.read()
        assert process.wait(20) == 128 + call
    assert not alive(training)


def test_a_signal_while_it_asks_ends_the_server_too(project: Path, port: int) -> None:
    """The step and the server, with its workers, are gone when the demonstration is."""
    (project / "wait").touch()
    with start(project, port, "--quick") as process:
        written(project / "training", process)
        (project / "wait").unlink()
        while not (project / "home" / "demo" / "run").is_dir():
            assert process.poll() is None
            time.sleep(0.02)
        (project / "wait").touch()
        asking = written(project / "asking", process)
        serving = workers(port)
        process.send_signal(signal.SIGHUP)
        assert process.stdout is not None
        process.stdout.read()
        assert process.wait(20) == 128 + signal.SIGHUP
    assert not any(map(alive, [asking, *serving]))
    assert not listening(port)


STUBBORN = """
import os, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
os.fork()
os.write(1, b"started\\n")
time.sleep(20)
"""


def test_a_process_that_will_not_end_is_killed_with_its_children(tmp_path: Path) -> None:
    """After so much patience, whatever is left of its session is gone."""
    (tmp_path / "stubborn.py").write_text(STUBBORN)
    with Processes(dict(os.environ), 0.2, Words(Console(quiet=True))) as processes:
        process = processes.start(["python", str(tmp_path / "stubborn.py")], subprocess.PIPE)
        assert process.stdout is not None
        assert [process.stdout.readline() for _ in range(2)] == ["started\n"] * 2
    # Both have the other end of this pipe.
    told = time.monotonic()
    assert process.stdout.read() == ""
    assert time.monotonic() - told < 10
    process.stdout.close()
    assert process.returncode == -signal.SIGKILL


def test_a_signal_at_the_start_of_a_process_waits_for_it(tmp_path: Path) -> None:
    """Between a process and its place on the list nothing is raised, so none is forgotten."""
    (tmp_path / "sleep.py").write_text("import time; time.sleep(60)")
    kept = signal.getsignal(signal.SIGTERM)
    heard: list[int] = []

    def begin() -> None:
        with processes:
            processes._starting = True
            os.kill(os.getpid(), signal.SIGTERM)
            heard.append(processes._told)
            processes.start(["python", str(tmp_path / "sleep.py")], subprocess.DEVNULL)

    processes = Processes(dict(os.environ), 5, Words(Console(quiet=True)))
    with pytest.raises(SystemExit) as ended:
        begin()
    assert heard == [signal.SIGTERM]
    assert ended.value.code == 128 + signal.SIGTERM
    assert processes._running == []
    assert signal.getsignal(signal.SIGTERM) is kept
    running = [file.read_bytes() for file in Path("/proc").glob("[0-9]*/cmdline") if file.exists()]
    assert not any(str(tmp_path).encode() in command for command in running)


def test_a_port_that_is_taken_is_refused_before_anything_is_done(project: Path) -> None:
    """Nothing is trained, nothing emptied; the message names the port and the way out."""
    kept = project / "home" / "demo" / "kept"
    kept.parent.mkdir(parents=True)
    kept.touch()
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = other.getsockname()[1]
        with start(project, taken, "--quick") as process:
            said, _ = process.communicate(timeout=180)
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
    with start(project, port, "--quick") as process:
        said, _ = process.communicate(timeout=180)
    assert process.returncode == 3
    assert f"INTERLOCK_PORT={port}: cannot listen there" in said
    assert "the server ended with 2, see above" in said
    assert "4. Ask" not in said
