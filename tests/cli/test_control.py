"""`interlock control`, alone and inside `interlock up`: real processes that come and go."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from interlock.registry import Registry
from interlock.state import schema
from tests.cli.rolled import Run, begin, order
from tests.cli.rolled import run as run  # noqa: PLC0414 - fixtures, used by their names
from tests.cli.rolled import world as world  # noqa: PLC0414
from tests.rollout.world import POLICY, World, Wrong
from tests.serve.conftest import Running, build_beat

CONTROL = [sys.executable, "-m", "interlock.cli", "control"]


def wait_for(condition: Callable[[], bool], seconds: float = 40.0) -> None:
    """Wait until `condition` holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.05)


@contextmanager
def controlling(tmp_path: Path, *options: str) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """`interlock control`, until the block ends; the process, and its log."""
    log = tmp_path / "control.log"
    with log.open("w") as file:
        process = subprocess.Popen(
            [*CONTROL, "--every", "0.1", *options], stderr=file, stdout=file, text=True
        )
    try:
        yield process, log
    finally:
        process.kill()
        process.wait()


def test_one_look_says_what_was_decided(run: Run, world: World) -> None:
    """For cron, and for those who want to see: a line, or JSON, and 0."""
    assert run("control", "--once")[1] == "no rollout is under way\n"
    world.versions["1.1.0"] = Wrong(wrong=0.6)
    world.serve(300)
    begin(run)
    world.serve(2000)
    # The labels are of the future by the machine's clock: this look finds nothing yet.
    (found,) = json.loads(run("control", "--once", "--json")[1])
    assert (found["decision"], found["verdict"]) == ("hold", "inconclusive")
    assert found["why"].startswith("10% for another")


def test_a_controller_promotes_and_ends_when_told(run: Run, world: World, tmp_path: Path) -> None:
    """It sees a rollout that begins later, says what it did once, and ends with 0 by SIGTERM."""
    with controlling(tmp_path) as (process, log):
        wait_for(lambda: "watching rollouts" in log.read_text())
        begin(run, "--strategy", "recreate")
        wait_for(lambda: world.registry.resolve("ecg").version == "1.1.0")
        wait_for(lambda: world.last().status == "promoted")
        time.sleep(0.5)
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    said = [line for line in log.read_text().splitlines() if "ecg:1.1.0" in line]
    assert len(said) == 1
    assert "is champion: promoted" in said[0]


def test_ctrl_c_ends_a_controller_without_a_traceback(world: World, tmp_path: Path) -> None:
    """A person who has seen enough is no error."""
    with controlling(tmp_path) as (process, log):
        wait_for(lambda: "watching rollouts" in log.read_text())
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
    assert "Traceback" not in log.read_text()


def test_two_controllers_at_once_do_it_once(run: Run, world: World, tmp_path: Path) -> None:
    """Two processes, one rollout: each thing happens once, and the alias moves once."""
    (tmp_path / "second").mkdir()
    with controlling(tmp_path), controlling(tmp_path / "second") as (_, log):
        wait_for(lambda: "watching rollouts" in log.read_text())
        begin(run, "--strategy", "recreate")
        wait_for(lambda: world.last().status == "promoted")
        time.sleep(0.5)
    assert world.told() == ["started", "promoted"]
    moves = [one for one in world.registry.history("ecg") if one.version == "1.1.0"]
    assert len(moves) == 1


def test_a_database_that_is_away_is_asked_again(
    run: Run, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is told of once, and when it is back the controller goes on."""
    away = tmp_path / "away"
    away.mkdir()
    monkeypatch.setenv("INTERLOCK_DATABASE", f"sqlite:///{away / 'journal.db'}")
    (away / "journal.db").mkdir()  # no file, so nobody can open it
    with controlling(tmp_path) as (process, log):
        wait_for(lambda: "trying again" in log.read_text())
        time.sleep(0.5)
        assert log.read_text().count("trying again") == 1
        (away / "journal.db").rmdir()
        wait_for(lambda: "watching rollouts" in log.read_text())
        assert process.poll() is None


def test_tables_of_another_release_end_it(world: World, tmp_path: Path) -> None:
    """Waiting would not help: code 3, and what to do."""
    with world.engine.begin() as connection:
        connection.exec_driver_sql(f"UPDATE {schema.VERSIONS} SET version_num = 'of tomorrow'")
    done = subprocess.run(CONTROL, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 3
    assert "newer release" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_policy_that_cannot_be_read_ends_it_at_once(run: Run, tmp_path: Path) -> None:
    """Before it watches anything, with code 2; for `up` as well."""
    for command in ("control", "up"):
        code, _, err = run(command, "--policy", "gone.toml")
        assert code == 2
        assert "gone.toml" in err


@contextmanager
def up(home: Path, *options: str) -> Iterator[Running]:
    """`interlock up beat`, until the block ends."""
    log = home / "up.log"
    command = [sys.executable, "-m", "interlock.cli", "up", "beat", "--port", "0"]
    with log.open("w") as file:
        process = subprocess.Popen(
            [*command, "--workers", "1", *options],
            env={**os.environ, "INTERLOCK_HOME": str(home), "INTERLOCK_ACTOR": "ann"},
            stdout=file,
            stderr=subprocess.STDOUT,
            text=True,
        )
    address = home / "run" / str(process.pid) / "address"
    try:
        wait_for(lambda: address.is_file() and bool(address.read_text()))
        running = Running(process, address.read_text(), log)
        with running.client:
            yield running
    finally:
        process.terminate()
        process.wait(30)


def controllers(server: Running) -> list[int]:
    """Processes that run `interlock control` below the server."""
    pids = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text()
    return [int(pid) for pid in pids.split() if controls(pid)]


def controls(pid: str) -> bool:
    # Workers are forks of the supervisor: they bear its name, in which the command is as well.
    with suppress(FileNotFoundError, ProcessLookupError):
        words = Path(f"/proc/{pid}/cmdline").read_bytes()
        return words.endswith(b"-m\0interlock.cli\0control\0") and b"--control" not in words
    return False


def gone(pid: int) -> bool:
    return not Path(f"/proc/{pid}").exists()


@pytest.fixture
def live(home: Path, registry: Registry, tmp_path: Path) -> Path:
    """A home in which beat 1.0.0 is champion, and 1.0.1 registered."""
    first = build_beat(tmp_path / "beat-1")
    registry.register(first)
    registry.register(build_beat(tmp_path / "beat-2", seed=1, previous=first))
    registry.promote("beat", "1.0.0", "champion", "first", force=True)
    return home


def test_up_serves_and_promotes(live: Path) -> None:
    """One command: the server answers, the controller moves the alias, the server follows."""
    (live / "interlock.toml").write_text(POLICY.replace('"ecg"', '"beat"'))
    record = {"beat": [0.5] * 8}
    with up(live) as server:
        assert server.client.post("/predict", json=record).json()["version"] == "1.0.0"
        assert server.client.get("/api/rollouts/beat/analysis").status_code == 404
        start = ("start", "beat", "1.0.1", "--strategy", "recreate", "--force", "--reason", "new")
        assert "by recreate" in order(live, *start)
        server.wait_for(
            lambda: server.client.post("/predict", json=record).json()["version"] == "1.0.1", 40
        )
        server.wait_for(
            lambda: (
                server.client.get("/api/rollouts/beat/analysis").json().get("status") == "promoted"
            )
        )
        assert server.stop() == 0


def test_a_controller_that_dies_comes_back_and_the_server_answers_meanwhile(live: Path) -> None:
    """Its death costs nothing but time."""
    with up(live) as server:
        server.wait_for(lambda: len(controllers(server)) == 1)
        (first,) = controllers(server)
        server.process.send_signal(signal.SIGHUP)  # for those who follow aliases, not for it
        server.wait_for(lambda: "watching rollouts" in server.log())
        assert controllers(server) == [first]
        os.kill(first, signal.SIGKILL)
        assert server.client.get("/health/ready").status_code == 200
        server.wait_for(lambda: controllers(server) not in ([], [first]))
        assert "controller" in server.log()


@pytest.mark.parametrize("call", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_a_controller_ends_with_its_server(live: Path, call: signal.Signals) -> None:
    """Told to end, or killed outright: nobody moves aliases behind the operator's back."""
    with up(live) as server:
        server.wait_for(lambda: len(controllers(server)) == 1)
        (controller,) = controllers(server)
        server.wait_for(lambda: "watching rollouts" in server.log())
        server.process.send_signal(call)
        server.process.wait(30)
        wait_for(lambda: gone(controller), 20)
