"""How rollouts stand: a file of the run directory, which the follower writes and workers read.

So whoever asks a server costs the database nothing, and the server knows nothing of databases.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import msgspec

from interlock.errors import PathError

_NAME = "rollouts.json"
_STALE = 15.0  # seconds after which what the file says is no more than what was so once


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """Reports by deployment, as JSON, and when they were read (seconds since 1970)."""

    moment: float
    reports: dict[str, dict[str, Any]]


def write(run: Path, known: Known) -> None:
    """Put `known` into the run directory, whole or not at all."""
    partial = run / f"{_NAME}.{os.getpid()}"
    partial.write_bytes(msgspec.json.encode(known))
    partial.rename(run / _NAME)


def analysis(run: Path, name: str) -> dict[str, Any]:
    """The report on the last rollout of `name`.

    Its verdict is `error` when nobody could look for a while: what was so then decides nothing.

    Raises
    ------
    PathError
        When nothing is known of a rollout of that name.
    """
    try:
        known = msgspec.json.decode((run / _NAME).read_bytes(), type=Known)
    except FileNotFoundError:
        raise _unknown(name) from None
    if name not in known.reports:
        raise _unknown(name)
    report = known.reports[name]
    age = time.time() - known.moment
    if age <= _STALE:
        return report
    told = f"the database was not read for {age:.0f} s; then: {report['sentence']}"
    return {**report, "verdict": "error", "sentence": told}


def _unknown(name: str) -> PathError:
    return PathError(
        f"nothing is known here of a rollout of {name!r}",
        expected="a model that is served by alias and was rolled out",
        got=name,
    )
