"""Our server and ONNX Runtime alone, in turn on the same core, with the load from another core.

On a machine with two cores the load generator takes its share of both: what it costs would count as
the server's. Here the server's core does nothing but serve.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from harness import alone, load, targets
from harness.models import Case
from harness.process import BenchmarkError, first_answer, running
from harness.rounds import CONNECTIONS, Figures, Key, as_load

OURS = "interlock, one core of its own"
ALONE = "onnxruntime alone, the same core"


def measure(
    case: Case, folder: Path, *, rounds: int, seconds: int, advance: Callable[[str], None]
) -> Figures:
    """`rounds` runs of both at every number of connections.

    Raises
    ------
    BenchmarkError
        When there is only one core, or an answer is wrong.
    """
    mine, other = _cores()
    figures: Figures = {}
    command = ["taskset", "-c", str(mine), *targets.ours(case, workers=1)]
    log = folder / f"{case.name}-core.log"
    with running(OURS, command, targets.environment(case, folder), log) as server:
        targets.check(server, case, first_answer(server, case.body.read_bytes(), log))
        for _ in range(rounds):
            for connections in CONNECTIONS:
                advance(f"{case.name}, {connections} connections: {OURS}")
                load.checked(server, case, connections)
                seen = load.timed(server, case, connections, seconds, core=other)
                figures.setdefault(Key(case.name, OURS, connections), []).append(seen)
                advance(f"{case.name}: {ALONE}")
                seen = as_load(alone.rate(case.graph, seconds, cores=(mine,)), workers=1)
                figures.setdefault(Key(case.name, ALONE, connections), []).append(seen)
    return figures


def steps(rounds: int) -> int:
    """How often `measure` advances."""
    return rounds * len(CONNECTIONS) * 2


def _cores() -> tuple[int, int]:
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        raise BenchmarkError("the benchmark needs two cores, one for the server, one for the load")
    return cores[0], cores[1]
