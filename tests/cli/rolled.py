"""Rollouts for the tests of commands: a world of users, and the commands that look at it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from interlock.cli import main
from interlock.registry import Registry
from tests.rollout.world import POLICY, World

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def world(
    home: Path,
    registry: Registry,
    make_package: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[World]:
    """1.0.0 is champion, 1.1.0 registered; commands find both, and a policy where they run."""
    for version in ("1.0.0", "1.1.0"):
        registry.register(make_package(version=version, weights=version))
    registry.promote("ecg", "1.0.0", "champion", "first release", force=True)
    made = World(home, registry, make_package)
    # Commands ask the machine what time it is: the world's time goes on from there.
    made.now = time.time_ns() // 1000
    for name, value in (("HOME", str(home)), ("ACTOR", "ann"), ("DATABASE", made.url)):
        monkeypatch.setenv(f"INTERLOCK_{name}", value)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "interlock.toml").write_text(POLICY)
    yield made
    made.close()


@pytest.fixture
def run(world: World, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run `interlock …`: exit code, output, standard error."""

    def call(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main(list(arguments))
        out, err = capsys.readouterr()
        # What is ordered from now on is later than all that has been served.
        world.now = max(world.now, time.time_ns() // 1000)
        return int(ended.value.code or 0), out, err

    return call


def begin(run: Run, *options: str) -> str:
    """Start a rollout of 1.1.0 by force; what that printed."""
    words = ("rollout", "start", "ecg", "1.1.0", "--force", "--reason", "a try", *options)
    code, out, err = run(*words)
    assert code == 0, err
    return out


def order(home: Path, *words: str) -> str:
    """Run `interlock rollout …` as a person would, in another process."""
    done = subprocess.run(
        [sys.executable, "-m", "interlock.cli", "rollout", *words],
        env={**os.environ, "INTERLOCK_HOME": str(home), "INTERLOCK_ACTOR": "ann"},
        capture_output=True,
        text=True,
        cwd=home,
        check=True,
    )
    return done.stdout
