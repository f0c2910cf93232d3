"""Looks that meet what they cannot foresee: a registry that hangs, and a record that is broken."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from interlock import policy
from interlock.registry import Registry, environment
from interlock.rollout import transition
from interlock.rollout.controller import Controller
from interlock.settings import Settings
from interlock.state.rollouts import Record
from interlock.state.tables import ROLLOUTS
from tests.rollout.world import POLICY, World, Wrong


@pytest.fixture
def mute() -> Iterator[socket.socket]:
    """A server that takes every connection, and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        yield listener


@pytest.fixture
def hanging(mute: socket.socket, home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Registry]:
    """A registry behind it, asked as a controller asks."""
    for variable, value in environment.HASTE.items():
        monkeypatch.setenv(variable, value)
    registry = Registry(Settings(home=home, tracking_uri=address(mute)))
    yield registry
    registry.close()


def address(listener: socket.socket) -> str:
    return f"http://127.0.0.1:{listener.getsockname()[1]}"


def asked(listener: socket.socket) -> int:
    """How many connections there were."""
    number = 0
    while True:
        try:
            listener.accept()[0].close()
        except BlockingIOError:
            return number
        number += 1


def second(world: World, make_package: Callable[..., Path]) -> None:
    """Another model with a rollout that is under way."""
    for version in ("1.0.0", "1.1.0"):
        world.registry.register(make_package("cost", version, weights=f"cost {version}"))
    world.registry.promote("cost", "1.0.0", "champion", "first release", force=True)
    rules = policy.parse(POLICY.replace('"ecg"', '"cost"'))
    world.orders().start("1.1.0", rules, reason="a test", force=True)


def spoil(world: World, rollout: Record, column: str, text: str) -> None:
    """Write into a rollout what nobody can read."""
    change = sa.update(ROLLOUTS).where(ROLLOUTS.c.id == rollout.id).values({column: text})
    with world.engine.begin() as connection:
        connection.execute(change)


def test_a_rollback_does_not_ask_a_registry_that_hangs(
    world: World, hanging: Registry, mute: socket.socket
) -> None:
    """It is a route: nobody is asked, so nobody is waited for."""
    world.versions["1.1.0"] = Wrong(wrong=0.9)
    world.serve(300)
    world.start()
    world.serve(2000)
    Controller(world.engine, hanging, now=world.clock).tick()
    assert world.last().status == "rolled back"
    assert asked(mute) == 0


def test_a_registry_that_hangs_holds_a_look_once(
    world: World, hanging: Registry, mute: socket.socket, make_package: Callable[..., Path]
) -> None:
    """However many rollouts there are, all are told why they are held, after one wait."""
    world.start()
    second(world, make_package)
    controller = Controller(world.engine, hanging, now=world.clock)
    outcomes = controller.tick()
    assert [outcome.decision.verdict for outcome in outcomes] == ["error", "error"]
    assert all("cannot be asked" in outcome.decision.sentence for outcome in outcomes)
    assert asked(mute) == 1
    controller.tick()
    assert asked(mute) == 1  # again at the next look


def test_a_promotion_waits_for_a_registry_that_hangs(
    world: World, hanging: Registry, mute: socket.socket
) -> None:
    """It says so, and comes true when the registry is back."""
    world.start(strategy="recreate")
    Controller(world.engine, hanging, now=world.clock).tick()
    assert world.last().status == "promoting"
    assert "cannot become champion" in transition.told(world.last()).decision.sentence
    assert asked(mute) == 1
    world.controller().tick()
    assert world.last().status == "promoted"


def test_a_controller_waits_seconds_and_no_more(
    world: World, mute: socket.socket, home: Path
) -> None:
    """The process of `interlock control`, with nothing set: one try, given up in a few seconds."""
    world.start()
    environ = {key: value for key, value in os.environ.items() if not key.startswith("MLFLOW_")}
    environ |= {
        "INTERLOCK_HOME": str(home),
        "INTERLOCK_DATABASE": world.url,
        "INTERLOCK_TRACKING_URI": address(mute),
    }
    command = [sys.executable, "-m", "interlock.cli", "control", "--once", "--json"]
    with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True) as process:
        mute.settimeout(60)
        with mute.accept()[0] as connection:
            began = time.monotonic()
            connection.settimeout(60)
            while connection.recv(4096):
                pass  # until it gives up
            waited = time.monotonic() - began
        said = process.communicate(timeout=60)[0]
    assert process.returncode == 0
    assert "cannot be asked" in said
    assert 2 < waited < 8
    mute.setblocking(False)
    assert asked(mute) == 0


def test_a_rollout_that_breaks_holds_no_other(
    world: World, make_package: Callable[..., Path], capfd: pytest.CaptureFixture[str]
) -> None:
    """What nobody has foreseen is logged with where it happened, and the others go on."""
    broken = world.start()
    second(world, make_package)
    spoil(world, broken, "analysis", "broken")
    outcomes = world.controller().tick()
    assert [outcome.record.deployment for outcome in outcomes] == ["cost"]
    told = "".join(capfd.readouterr())
    assert "rollout_unknown" in told
    assert "Traceback" in told


def test_rules_of_another_release_hold_no_other_floor(
    world: World, make_package: Callable[..., Path]
) -> None:
    """Where there is no rollout, the policy of the last one is read: it may be unreadable."""
    past = world.start()
    world.orders().abort("ecg")
    second(world, make_package)
    spoil(world, past, "policy", "[]")
    outcomes = world.controller().tick()
    assert [outcome.record.deployment for outcome in outcomes] == ["cost"]
