"""onnxruntime alone: processes with one thread each, one row at a time, and nothing else.

Run as a program it loads a graph, waits for a line on standard input, runs and prints its rate.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnxruntime as ort

ANYWHERE = -1
"""A process that the kernel may move from core to core."""


def rate(graph: Path, seconds: float, cores: Sequence[int] = (ANYWHERE, ANYWHERE)) -> float:
    """Rows a second of all processes together, one for each of `cores`."""
    command = [sys.executable, __file__, str(graph), str(seconds)]
    workers = [
        subprocess.Popen(
            [*command, str(core)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for core in cores
    ]
    try:
        for worker in workers:
            _read(worker)
        for worker in workers:
            _write(worker)
        return sum(float(_read(worker)) for worker in workers)
    finally:
        for worker in workers:
            worker.kill()
            worker.communicate()


def _read(worker: subprocess.Popen[str]) -> str:
    return worker.stdout.readline() if worker.stdout else ""


def _write(worker: subprocess.Popen[str]) -> None:
    if worker.stdin:
        worker.stdin.write("go\n")
        worker.stdin.flush()


def _run(graph: str, seconds: float) -> float:
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    names = ["label", "probabilities"]
    row = {"beat": np.linspace(-1, 1, 140, dtype=np.float32).reshape(1, -1)}
    session.run(names, row)
    print("ready", flush=True)
    sys.stdin.readline()
    start = time.perf_counter()
    done = 0
    while time.perf_counter() - start < seconds:
        session.run(names, row)
        done += 1
    return done / (time.perf_counter() - start)


if __name__ == "__main__":
    if int(sys.argv[3]) != ANYWHERE:
        os.sched_setaffinity(0, {int(sys.argv[3])})
    print(_run(sys.argv[1], float(sys.argv[2])), flush=True)
