"""Real servers as gates start them: clean, alone, and gone afterwards."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from interlock.errors import ServerError
from interlock.gates import server as servers
from interlock.gates.server import Server, serving
from interlock.package import Package

from .staged import version


@pytest.fixture
def package(tmp_path_factory: pytest.TempPathFactory) -> Package:
    return version(tmp_path_factory, "1.0.0")


def gone(pids: list[int]) -> bool:
    """Whether none of these processes runs; one that waits to be reaped does not."""
    return not [pid for pid in pids if servers._alive(pid)]


def test_a_server_runs_from_a_copy_of_the_package_alone(
    package: Package, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It sees one directory and a clean environment, whatever ours is, and is gone afterwards."""
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("INTERLOCK_WORKERS", "7")
    with serving(package.path, tmp_path, workers=2) as server:
        pids = server.processes()
        assert len(pids) in (3, 4)  # supervisor and workers, and the shipper once it has begun
        assert [path.name for path in server.work.iterdir()] == ["package"]
        for pid in pids:
            root = Path("/proc", str(pid))
            words = (root / "environ").read_bytes().decode().split("\0")
            assert {word.partition("=")[0] for word in words if word} <= {
                *("PATH", "HOME", "LANG", "LC_CTYPE", "INTERLOCK_HOME"),
                *("INTERLOCK_WORKERS", "INTERLOCK_PORT"),
                *("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"),
                *("ORT_DISABLE_TELEMETRY", "MLFLOW_DISABLE_TELEMETRY"),
            }
            assert "INTERLOCK_WORKERS=2" in words
            assert (root / "cwd").readlink() == server.work
            assert b"\0-I\0" in (root / "cmdline").read_bytes()
        assert {server.pid, *server.worker_pids()} <= set(pids)
        assert server.health()["models"][0]["digest"] == package.digest
    assert gone(pids)


def test_a_server_that_does_not_start_says_why(package: Package, tmp_path: Path) -> None:
    """The error carries the end of the log, and nothing is left running."""
    damaged = tmp_path / "damaged"
    damaged.mkdir()
    for file in package.path.iterdir():
        (damaged / file.name).write_bytes(file.read_bytes())
    (damaged / "model.onnx").write_bytes(b"no graph")
    with (
        pytest.raises(ServerError, match=r"(?s)did not start.*model\.onnx does not match"),
        serving(damaged, tmp_path),
    ):
        pass


def test_ctrl_c_ends_the_server(package: Package, tmp_path: Path) -> None:
    """Whatever ends the block ends the processes."""
    pids: list[int] = []

    def interrupted() -> None:
        with serving(package.path, tmp_path) as server:
            pids.extend(server.processes())
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert pids
    assert gone(pids)


def test_a_server_that_listens_to_nobody_is_ended_too(
    package: Package, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Processes that take no notice of being told are killed, each of them."""
    monkeypatch.setattr(servers, "_STOP", 0.5)
    with serving(package.path, tmp_path, workers=2) as server:
        pids = server.processes()
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
    assert gone(pids)


def test_a_killed_worker_is_replaced(package: Package, tmp_path: Path) -> None:
    """It is gone at once, and another is ready soon after."""
    with serving(package.path, tmp_path, workers=2) as server:
        before = server.worker_pids()
        victim = server.kill_worker()
        assert victim.pid in before
        assert gone([victim.pid])
        assert 0 < server.recovered(victim) < 30
        after = server.worker_pids()
        assert len(after) == 2
        assert victim.pid not in after


def test_a_worker_that_never_comes_back_is_told(package: Package, tmp_path: Path) -> None:
    """Waiting for a worker ends with an error, not never."""
    with serving(package.path, tmp_path, workers=2) as server:
        os.kill(server.pid, signal.SIGSTOP)
        victim = server.kill_worker()
        with pytest.raises(ServerError, match="took the place"):
            server.recovered(victim, seconds=0.3)
        os.kill(server.pid, signal.SIGCONT)


def test_a_restarted_server_has_its_old_address(package: Package, tmp_path: Path) -> None:
    """Callers find it where it was, in other processes, begun later."""
    with serving(package.path, tmp_path) as server:
        url, pids, began = server.url, server.processes(), server.began
        server.restart()
        assert server.url == url
        assert server.began > began
        assert gone(pids)
        assert server.health()["ready"]


def test_memory_counts_shared_pages_once(package: Package, tmp_path: Path) -> None:
    """Two workers and their parent share most pages: together they take less than three alone."""
    with serving(package.path, tmp_path, workers=2) as server:
        memory = server.memory()
    assert 20 * 2**20 < memory.worker < 500 * 2**20
    assert memory.worker < memory.together < 3 * memory.worker


def test_a_server_that_is_not_running_has_no_processes(tmp_path: Path) -> None:
    """Before it starts there is nothing to stop, to list or to ask."""
    server = Server(tmp_path, ["--package", "package"])
    server.stop()
    assert server.processes() == []
    with pytest.raises(ServerError, match="not running"):
        server.memory()
    assert time.monotonic() > server.began
