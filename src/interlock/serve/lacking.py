"""Packages that a worker found damaged or gone: marks in the run directory, for the follower."""

from __future__ import annotations

from pathlib import Path

_PREFIX = "lacking-"


def note(run: Path, digest: str) -> None:
    """Say that the package with that digest is not what it should be, or not there."""
    (run / f"{_PREFIX}{digest}").touch()


def noted(run: Path) -> list[str]:
    """Digests that somebody lacks."""
    return sorted(mark.name.removeprefix(_PREFIX) for mark in run.glob(f"{_PREFIX}*"))


def settle(run: Path, digest: str) -> None:
    """Take the mark away; whoever still lacks it makes another."""
    (run / f"{_PREFIX}{digest}").unlink(missing_ok=True)
