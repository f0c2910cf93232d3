"""Real servers for the tests of the server: processes on ports of their own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from interlock import package
from interlock.signature import (
    Boolean,
    Category,
    Classes,
    Integer,
    Number,
    Signature,
    Tensor,
    Text,
    Value,
)

from .moody import build_moody

_START = 30.0  # seconds that a server may take to be ready on a busy machine


class Running:
    """A server process: where it is, how to talk to it, how to end it."""

    def __init__(self, process: subprocess.Popen[str], url: str, output: Path) -> None:
        self.process = process
        self.url = url
        self.output = output
        self.client = httpx.Client(base_url=url, timeout=20)

    def workers(self) -> list[dict[str, Any]]:
        workers: list[dict[str, Any]] = self.client.get("/health").json()["workers"]
        return workers

    def log(self) -> str:
        return self.output.read_text()

    def wait_for(self, condition: Callable[[], bool], seconds: float = 20.0) -> None:
        """Wait until `condition` holds; fail with the server's log when it never does."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                if condition():
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.02)
        pytest.fail(f"never came true; the server said:\n{self.log()}")

    def stop(self) -> int:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=20)


@contextmanager
def serving(home: Path, *arguments: str, workers: int = 1, **environment: str) -> Iterator[Running]:
    """`interlock serve` with `arguments` on a free port, until the block ends."""
    home.mkdir(exist_ok=True)
    output = home / "server.log"
    settings = {f"INTERLOCK_{name.upper()}": value for name, value in environment.items()}
    command = [sys.executable, "-m", "interlock.cli", "serve", *arguments]
    with output.open("w") as file:
        process = subprocess.Popen(
            [*command, "--port", "0", "--workers", str(workers)],
            env={**os.environ, "INTERLOCK_HOME": str(home), **settings},
            stdout=file,
            stderr=subprocess.STDOUT,
            text=True,
        )
    try:
        running = Running(process, _address(process, home, output), output)
        try:
            yield running
        finally:
            running.client.close()  # by now it may be another than in the beginning
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _address(process: subprocess.Popen[str], home: Path, output: Path) -> str:
    file = home / "run" / str(process.pid) / "address"
    deadline = time.monotonic() + _START
    while time.monotonic() < deadline and process.poll() is None:
        if file.exists() and file.read_text():
            return file.read_text()
        time.sleep(0.02)
    pytest.fail(f"the server did not start:\n{output.read_text()}")


LABELS = ("low", "middle", "high")

BEAT = Signature(
    inputs=(Tensor(name="beat", shape=(8,), unit="mV", minimum=-5, maximum=5),),
    output=Classes(labels=LABELS),
)

PATIENT = Signature(
    inputs=(
        Number(name="age", minimum=0, maximum=120, unit="years"),
        Integer(name="visits", minimum=0),
        Number(name="dose", nullable=True),
        Boolean(name="smoker"),
        Category(name="plan", values=("basic", "gold")),
        Text(name="note", max_length=20, nullable=True),
    ),
    output=Value(unit="days"),
)


def dense(seed: int = 0, width: int = 8, depth: int = 0) -> onnx.ModelProto:
    """A classifier of `width` numbers; `depth` square layers before it make it slow."""
    random = np.random.default_rng(seed)
    nodes, weights = [], []
    name = "beat"
    for layer in range(depth):
        weights.append(_weights(random, f"w{layer}", (width, width)))
        nodes.append(helper.make_node("MatMul", [name, f"w{layer}"], [f"m{layer}"]))
        nodes.append(helper.make_node("Tanh", [f"m{layer}"], [f"h{layer}"]))
        name = f"h{layer}"
    weights.append(_weights(random, "last", (width, len(LABELS))))
    nodes += [
        helper.make_node("MatMul", [name, "last"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
    ]
    graph = helper.make_graph(
        nodes,
        "dense",
        [helper.make_tensor_value_info("beat", TensorProto.FLOAT, ["rows", width])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["rows", len(LABELS)])],
        weights,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def _weights(random: np.random.Generator, name: str, shape: tuple[int, ...]) -> TensorProto:
    scale = 1 / np.sqrt(shape[0])
    return numpy_helper.from_array(random.normal(0, scale, shape).astype(np.float32), name)


@pytest.fixture(scope="session")
def beat_package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small classifier of 8 numbers, version 1.0.0."""
    return build_beat(tmp_path_factory.mktemp("packages") / "beat-1")


@pytest.fixture(scope="session")
def second_package(tmp_path_factory: pytest.TempPathFactory, beat_package: Path) -> Path:
    """The same with other weights: what follows version 1.0.0."""
    out = tmp_path_factory.mktemp("packages") / "beat-2"
    return build_beat(out, seed=1, previous=beat_package)


@pytest.fixture(scope="session")
def moody_package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model whose input says how long it takes and whether it fails."""
    return build_moody(tmp_path_factory.mktemp("packages") / "moody")


def build_beat(out: Path, seed: int = 0, previous: Path | None = None, *, depth: int = 0) -> Path:
    sample = np.random.default_rng(5).normal(size=(40, 8)).astype(np.float32)
    built = package.build(
        dense(seed, depth=depth),
        name="beat",
        sample=sample,
        signature=BEAT,
        previous=previous,
        out=out,
    )
    return Path(built.path)
