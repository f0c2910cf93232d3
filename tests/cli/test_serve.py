"""What `interlock serve` says before the server is up."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

MakePackage = Callable[..., Path]

# The package has no graph that could be loaded, so that the server ends by itself.
UNLOADABLE = 3


def command(package: Path) -> list[str]:
    words = ["serve", "--package", str(package), "--port", "0", "--workers", "1"]
    return [sys.executable, "-m", "interlock.cli", *words]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    return {**os.environ, "INTERLOCK_HOME": str(tmp_path / "home"), "TERM": "xterm"}


def test_a_log_has_one_line_while_packages_are_checked(
    make_package: MakePackage, environment: dict[str, str]
) -> None:
    """Who reads the log of a start that takes long sees what it is at."""
    package = make_package()
    done = subprocess.run(
        command(package), env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    (said,) = [line for line in done.stderr.splitlines() if "fetching and checking" in line]
    assert str(package) in said


def test_a_terminal_has_a_bar_while_packages_are_checked(
    make_package: MakePackage, environment: dict[str, str]
) -> None:
    """A person sees how far it is, and no line of a log."""
    package = make_package()
    mine, theirs = pty.openpty()
    process = subprocess.Popen(command(package), env=environment, stderr=theirs)
    os.close(theirs)
    seen = b""
    try:
        while chunk := os.read(mine, 4096):
            seen += chunk
    except OSError:
        pass  # what Linux answers when the other side has closed
    os.close(mine)
    assert process.wait(60) == UNLOADABLE
    assert b"fetch and check" in seen
    assert b"0/1" in seen
    assert b"fetching and checking packages" not in seen


@pytest.mark.parametrize("home", ["/proc/nowhere", "file"])
def test_a_home_that_cannot_be_written_is_named(
    make_package: MakePackage, environment: dict[str, str], tmp_path: Path, home: str
) -> None:
    """Code 2 and one line, with the setting in it."""
    (tmp_path / "file").touch()
    done = subprocess.run(
        command(make_package()),
        env={**environment, "INTERLOCK_HOME": str(tmp_path / home)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert f"interlock: INTERLOCK_HOME={tmp_path / home}: " in done.stderr
    assert "Traceback" not in done.stderr
