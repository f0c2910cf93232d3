"""Who is measured: our server, the floor and the peers, each with two workers."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from harness.models import LABELS, Case
from harness.process import BenchmarkError, Server, first_answer, running

WORKERS = 2
OURS = "interlock"
FLOOR = "floor: our server, constant"
FLASK = ("flask, gunicorn sync", "flask, gunicorn gthread")
MOSEC = "mosec"

_MODULE = [sys.executable, "-m"]
_UVICORN = [
    *("uvicorn", "--loop", "uvloop", "--http", "httptools", "--no-access-log"),
    *("--log-level", "warning", "--workers", str(WORKERS), "--port", "{port}"),
]
_GUNICORN = ["gunicorn", "--workers", str(WORKERS), "--bind", "127.0.0.1:{port}"]

PEERS = {
    FLASK[0]: [*_MODULE, *_GUNICORN, "peers.flask_gunicorn:app"],
    FLASK[1]: [
        *(*_MODULE, *_GUNICORN, "--worker-class", "gthread", "--threads", "8"),
        *("--keep-alive", "60", "peers.flask_gunicorn:app"),
    ],
    "fastapi, uvicorn": [*_MODULE, *_UVICORN, "peers.fastapi_uvicorn:app"],
    MOSEC: [
        *(*_MODULE, "peers.mosec_server", "--address", "127.0.0.1", "--port", "{port}"),
        *("--log-level", "error"),
    ],
}


def ours(case: Case, workers: int = WORKERS) -> list[str]:
    """The command that serves `case` by Interlock."""
    serve = [*_MODULE, "interlock.cli", "serve", "--package", str(case.package)]
    return [*serve, "--workers", str(workers), "--port", "{port}"]


def environment(case: Case, folder: Path) -> dict[str, str]:
    """What all servers of `case` are told, ours by our name for it and the peers by theirs.

    Without a journal: the peers keep none. What it costs, `journal.py` measures.
    """
    return {
        "BENCH_GRAPH": str(case.graph),
        "BENCH_LABELS": ",".join(LABELS),
        "INTERLOCK_HOME": str(folder / "home"),
        "INTERLOCK_JOURNAL": "off",
        "OMP_NUM_THREADS": "1",
    }


@contextmanager
def everybody(case: Case, folder: Path) -> Iterator[dict[str, Server]]:
    """Our server, the floor and all peers, started, and each seen to answer rightly."""
    body = case.body.read_bytes()
    with ExitStack() as servers:

        def start(name: str, command: list[str], extra: dict[str, str]) -> tuple[Server, bytes]:
            log = folder / f"{case.name}-{name.replace(' ', '-')}.log"
            told = environment(case, folder) | extra
            server = servers.enter_context(running(name, command, told, log))
            answer = first_answer(server, body, log)
            check(server, case, answer)
            return server, answer

        mine, answer = start(OURS, ours(case), {})
        started = {OURS: mine}
        constant = [*_MODULE, "peers.constant", "{port}"]
        commands = {FLOOR: constant} | PEERS
        for name, command in commands.items():
            started[name], _ = start(name, command, {"BENCH_ANSWER": answer.decode()})
        yield started


def check(server: Server, case: Case, answer: bytes) -> None:
    """Compare one answer with onnxruntime's; raises BenchmarkError when it is another."""
    said = json.loads(answer)
    near = math.isclose(said["probabilities"][case.label], case.probability, abs_tol=1e-4)
    if said["label"] != case.label or not near:
        raise BenchmarkError(f"{server.name} says {answer.decode()}, onnxruntime {case}")
