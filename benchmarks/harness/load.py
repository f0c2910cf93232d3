"""Load by wrk: a checked run in which every answer is compared, then a timed one."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import msgspec

from harness.models import Case
from harness.process import BenchmarkError, Server

SCRIPT = Path(__file__).with_suffix(".lua")
CHECKED_SECONDS = 1


class Load(msgspec.Struct, frozen=True):
    """What wrk saw in one run; times in seconds."""

    requests: int
    seconds: float
    p50: float
    p99: float
    bad_status: int
    broken: int
    wrong: int

    @property
    def rate(self) -> float:
        return self.requests / self.seconds


def checked(server: Server, case: Case, connections: int) -> None:
    """Warm the server up for a second and compare every answer with onnxruntime's.

    Raises
    ------
    BenchmarkError
        When there was no answer, or one was refused, broken off or wrong.
    """
    load = _wrk(server, case, connections, CHECKED_SECONDS, {"CHECK": "1"})
    if not load.requests or load.wrong:
        raise BenchmarkError(f"{server.name}: {load.wrong} of {load.requests} answers were wrong")


def timed(
    server: Server, case: Case, connections: int, seconds: int, core: int | None = None
) -> Load:
    """The same requests with bodies left unread, sent from `core` when one is named.

    Raises
    ------
    BenchmarkError
        When a request did not succeed.
    """
    return _wrk(server, case, connections, seconds, {}, core=core)


def _wrk(
    server: Server,
    case: Case,
    connections: int,
    seconds: int,
    switches: dict[str, str],
    *,
    core: int | None = None,
) -> Load:
    words = {"BODY": str(case.body), "LABEL": case.label, "PROBABILITY": repr(case.probability)}
    size = ["-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s"]
    place = [] if core is None else ["taskset", "-c", str(core)]
    done = subprocess.run(
        [*place, "wrk", *size, "-s", str(SCRIPT), server.url],
        env={**os.environ, **words, **switches},
        check=True,
        capture_output=True,
        text=True,
    )
    load = msgspec.convert(json.loads(done.stdout.partition("FIGURES ")[2]), Load)
    if load.bad_status or load.broken:
        raise BenchmarkError(f"{server.name}: {load.bad_status} refused, {load.broken} broken off")
    return load
