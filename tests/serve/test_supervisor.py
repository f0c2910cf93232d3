"""Workers that die, servers that stop, addresses that are taken: real processes, real signals."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterable
from http.client import HTTPConnection, HTTPException
from pathlib import Path

import httpx
import numpy as np
import pytest

from interlock import package
from interlock.serve.child import Child

from .conftest import LABELS, Running, build_beat, dense, serving

RECORD = {"beat": [0.5] * 8}
JSON = {"Content-Type": "application/json"}


def test_a_killed_worker_comes_back_and_is_missed_meanwhile(
    beat_package: Path, tmp_path: Path
) -> None:
    """SIGKILL a worker: readiness fails, the sibling answers on, a new worker takes the place."""
    with serving(tmp_path, "--package", str(beat_package), workers=2) as server:
        before = [worker["pid"] for worker in server.workers()]
        # Stop it first, so that it cannot be replaced before anybody has looked.
        os.kill(before[0], signal.SIGSTOP)
        server.client.close()
        os.kill(before[0], signal.SIGKILL)
        seen = set()
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            response = httpx.get(f"{server.url}/health", timeout=5)
            seen.add(response.status_code)
            pids = [worker["pid"] for worker in response.json()["workers"]]
            if response.status_code == 200 and pids[0] not in (None, before[0]):
                break
        assert seen == {200, 503}
        assert pids[1] == before[1]
        assert httpx.post(f"{server.url}/predict", json=RECORD).status_code == 200
        assert "worker 0" in server.log()


def test_a_worker_that_is_stuck_fails_readiness(beat_package: Path, tmp_path: Path) -> None:
    """A worker that no longer runs its loop is as bad as a dead one."""
    with serving(tmp_path, "--package", str(beat_package), workers=2) as server:
        pid = server.workers()[0]["pid"]
        server.client.close()
        os.kill(pid, signal.SIGSTOP)
        try:
            for _ in range(400):
                with httpx.Client(base_url=server.url, timeout=1) as client:
                    try:
                        response = client.get("/health/ready")
                    except httpx.TimeoutException:
                        continue  # the stopped worker had this connection
                if response.status_code == 503:
                    break
                time.sleep(0.05)
            assert response.json() == {"ready": False}
        finally:
            os.kill(pid, signal.SIGCONT)


def test_the_supervisor_forks_alone_and_hands_on_nothing(
    beat_package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has one thread, and a worker has no file open but those of the run and of the system."""
    # A fork copies the locks of other threads, held for ever. These variables would hide one.
    for variable in ("CI", "ORT_DISABLE_TELEMETRY", "ORT_RUNNING_UNIT_TESTS"):
        monkeypatch.delenv(variable, raising=False)
    for variable in ("HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(variable, str(tmp_path / "user"))
    with serving(tmp_path, "--package", str(beat_package), workers=2) as server:
        assert len(list(Path("/proc", str(server.process.pid), "task").iterdir())) == 1
        for worker in server.workers():
            links = [link.readlink() for link in Path("/proc", str(worker["pid"]), "fd").iterdir()]
            assert {
                link for link in links if link.is_absolute() and _foreign(link, server)
            } == set()
    assert not (tmp_path / "user").exists()


def _foreign(file: Path, server: Running) -> bool:
    home = server.output.parent
    ours = (home / "run" / str(server.process.pid), home / "journal")
    return file != server.output and file.parts[1] != "dev" and not _below(file, ours)


def _below(file: Path, folders: Iterable[Path]) -> bool:
    return any(file.is_relative_to(folder) for folder in folders)


def test_workers_that_die_young_wait_longer_each_time() -> None:
    """Backoff doubles from a tenth of a second; a process that ended well waits too."""
    child = Child(lambda: sys.exit(7), slot=0)
    waits = []
    for _ in range(4):
        child.start()
        status = None
        while status is None:
            status = child.reap()
            time.sleep(0.005)
        waits.append(round(child.due - time.monotonic(), 1))
        assert status == 7
    assert waits == [0.1, 0.2, 0.4, 0.8]


def test_sigterm_lets_requests_finish(tmp_path: Path) -> None:
    """A request under way when the server is told to stop is answered; then it ends with 0."""
    width = 1024
    sample = np.zeros((20, width), np.float32)
    built = package.build(
        dense(width=width, depth=60),
        name="slow",
        sample=sample,
        out=tmp_path / "slow",
        tensor="beat",
        labels=LABELS,
    )
    body = [{"beat": [0.5] * width}] * 80
    with serving(tmp_path / "home", "--package", str(built.path)) as server:
        answers = []

        def ask() -> None:
            with httpx.Client(timeout=30) as client:
                answers.append(client.post(f"{server.url}/predict", json=body))

        threads = [threading.Thread(target=ask) for _ in range(4)]
        for thread in threads:
            thread.start()
        server.wait_for(
            lambda: (
                "model_queue_requests" in server.client.get("/metrics").text
                and _waiting(server.client.get("/metrics").text) >= 3
            )
        )
        server.client.close()
        assert server.stop() == 0
        for thread in threads:
            thread.join()
        assert [answer.status_code for answer in answers] == [200] * 4
        assert len(answers[0].json()) == 80


def _waiting(metrics: str) -> float:
    lines = [line for line in metrics.splitlines() if line.startswith("model_queue_requests{")]
    return float(lines[0].split()[-1])


def test_nothing_is_left_behind(beat_package: Path, tmp_path: Path) -> None:
    """After a stop there is no worker, no run directory, and the port is free."""
    with serving(tmp_path, "--package", str(beat_package), workers=2) as server:
        pids = [worker["pid"] for worker in server.workers()]
        assert server.stop() == 0
    assert not any(Path("/proc", str(pid)).exists() for pid in pids)
    assert list((tmp_path / "run").iterdir()) == []


def test_workers_do_not_outlive_a_killed_supervisor(beat_package: Path, tmp_path: Path) -> None:
    """SIGKILL the supervisor: the workers notice and end; the next start sweeps up."""
    with serving(tmp_path, "--package", str(beat_package), workers=2) as server:
        pids = [worker["pid"] for worker in server.workers()]
        server.client.close()
        server.process.kill()
        server.process.wait()
        deadline = time.monotonic() + 15
        while any(_alive(pid) for pid in pids) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not any(_alive(pid) for pid in pids)
    left = {path.name for path in (tmp_path / "run").iterdir()}
    with serving(tmp_path, "--package", str(beat_package)):
        assert not left & {path.name for path in (tmp_path / "run").iterdir()}


def _alive(pid: int) -> bool:
    stat = Path("/proc", str(pid), "stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z"


def test_an_address_in_use_is_refused_by_name(beat_package: Path, tmp_path: Path) -> None:
    """The second server on a port says which setting to change, and ends with 2."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        done = _serve(tmp_path, "--package", str(beat_package), "--port", port)
    assert done.returncode == 2
    assert f"INTERLOCK_PORT={port}" in done.stderr
    assert "Address already in use" in done.stderr
    assert list((tmp_path / "run").iterdir()) == []


def test_a_package_that_cannot_be_loaded_ends_the_start(tmp_path: Path) -> None:
    """A graph that ONNX Runtime refuses is not retried for ever: the start fails and says why."""
    broken = build_beat(tmp_path / "broken")
    (broken / "model.onnx").write_bytes(b"not a graph")
    done = _serve(tmp_path, "--package", str(broken), "--port", "0")
    assert done.returncode == 1
    assert "model.onnx" in done.stderr
    assert "Traceback" not in done.stderr


def test_settings_that_cannot_be_used_end_the_start(beat_package: Path, tmp_path: Path) -> None:
    """A bad value is refused by name before anything is started."""
    done = _serve(tmp_path, "--package", str(beat_package), INTERLOCK_QUEUE_LIMIT="many")
    assert done.returncode == 2
    assert "INTERLOCK_QUEUE_LIMIT='many'" in done.stderr


def test_an_option_wins_over_the_environment(
    beat_package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`--workers` on the command line beats INTERLOCK_WORKERS."""
    arguments = ("--package", str(beat_package))
    monkeypatch.setenv("INTERLOCK_WORKERS", "3")
    with serving(tmp_path, *arguments, workers=1) as server:
        assert len(server.workers()) == 1


def _serve(home: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "interlock.cli", "serve", *arguments],
        env={**os.environ, "INTERLOCK_HOME": str(home), **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("keep", [True, False])
def test_sigterm_under_load_cuts_nobody_off(beat_package: Path, tmp_path: Path, keep: bool) -> None:
    """Whoever was let in is answered; after that, callers are refused, not reset."""
    failures: list[str] = []
    answered = []
    with serving(tmp_path, "--package", str(beat_package), workers=2) as server:
        host, port = server.url.removeprefix("http://").split(":")

        def ask() -> None:
            connection = HTTPConnection(host, int(port), timeout=20)
            while True:
                try:
                    connection.request("POST", "/predict", json.dumps(RECORD), JSON)
                    response = connection.getresponse()
                    answered.append(response.status)
                    response.read()
                except ConnectionRefusedError:
                    return
                except (OSError, HTTPException) as error:
                    failures.append(repr(error))
                    return
                if not keep:
                    connection.close()

        server.client.close()
        threads = [threading.Thread(target=ask) for _ in range(6)]
        for thread in threads:
            thread.start()
        time.sleep(1)
        assert server.stop() == 0
        for thread in threads:
            thread.join()
    assert failures == []
    assert len(answered) > 100
    assert set(answered) == {200}
