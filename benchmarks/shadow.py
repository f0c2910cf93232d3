"""What a shadow costs those who wait for an answer: the same server with it and without it.

    .venv/bin/python benchmarks/shadow.py --seconds 5 --rounds 7 --json shadow.json

One worker answers a small model at a rate far below what it could do, with gaps of random length.
In interleaved rounds it has no shadow, one of its own size, one that is 20 times slower, and one
that is stuck: every request takes it several times as long as it may. A shadow takes processor
time, from an idle core where there is one. What it may not do is keep answers waiting: no request
may fail, and half of the answers come nearly as soon as ever. Ends with 1 when that is not so.
Needs Linux. Takes about three minutes.
"""

from __future__ import annotations

import os
import random
import signal
import socket
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, NamedTuple

import httpx
import msgspec
import numpy as np
import onnx
import typer
from harness import machine
from harness.bars import Bar
from harness.process import BenchmarkError, Server, children, first_answer, running
from onnx import TensorProto, helper, numpy_helper
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

import interlock.package
from interlock.registry import Reference, Registry
from interlock.routing.route import Arm, Route, Shadow
from interlock.settings import Settings
from interlock.signature import Signature, Tensor, Value
from interlock.state import database, routes, schema
from interlock.state.routes import Kept

NAME, WIDTH, SIDE = "wave", 140, 48
SIGNATURE = Signature(inputs=(Tensor(name="wave", shape=(WIDTH,)),), output=Value())
ALONE, SAME, SLOW, STUCK = "alone", "of the same size", "20 times slower", "stuck"
TURNS = {ALONE: 1, SAME: 1, SLOW: 60, STUCK: 300_000}
"""How often each model does the same work: the second takes 20 times as long as the first, with all
that goes with it, and the last some five seconds."""
DEMAND, TAIL_DEMAND = 1.15, 2.0
"""Times the answers without a shadow: half of them, and 99 of 100. Both use the same caches and,
for moments, the same interpreter; on a machine with other work the figures vary by as much."""
REST = 10.0
"""Seconds after which a stuck shadow has done with what it had begun."""
BODY = msgspec.json.encode({"wave": [1.0] * WIDTH})
"""The first number says whether a model is to work at all; while packages are made it is 0."""

out, err = Console(), Console(stderr=True)


class Run(msgspec.Struct):
    """One run: seconds until half and until 99 of 100 answers came, failures, and the worker's
    use of the processor in cores. `outcomes` is what became of the shadow's requests.
    """

    requests: int
    failed: int
    p50: float
    p99: float
    busy: float
    outcomes: dict[str, int]


Figures = dict[str, list[Run]]


def main(
    seconds: Annotated[int, typer.Option(min=1, help="Length of one timed run.")] = 4,
    rounds: Annotated[int, typer.Option(min=1, help="Runs of each; medians count.")] = 5,
    rate: Annotated[int, typer.Option(min=1, help="Requests a second.")] = 800,
    json: Annotated[Path | None, typer.Option(help="Write the figures to this file.")] = None,
) -> None:
    """Measure what a shadow costs those who wait for an answer."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the server is ended
    here = machine.look()
    if not here.quiet:
        err.print(f"shadow: others use {here.busy_cores:.1f} cores; figures will suffer")
    try:
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            figures = measure(Path(folder), rounds, seconds, rate)
    except BenchmarkError as error:
        err.print(f"shadow: {error}", markup=False)
        sys.exit(1)
    bars = demands(figures)
    show(figures, bars)
    if json:
        seen = {"machine": here, "rate": rate, "figures": figures, "bars": bars}
        json.write_bytes(msgspec.json.format(msgspec.json.encode(seen)))
    if not all(bar.met for bar in bars):
        sys.exit(1)


def measure(folder: Path, rounds: int, seconds: int, rate: int) -> Figures:
    """`rounds` runs with each shadow, and without one, of the same server."""
    figures: Figures = {name: [] for name in TURNS}
    with (
        _house(folder / "home", folder) as house,
        Progress(console=err, transient=True) as bar,
    ):
        task = bar.add_task("", total=rounds * len(TURNS))
        for _ in range(rounds):
            for name in TURNS:  # the stuck one last: it goes on for a while
                bar.update(task, description=name)
                house.cast(name)
                ask(house.server, 0.5, rate)
                figures[name].append(house.timed(seconds, rate))
                bar.advance(task)
            house.cast(ALONE)
            time.sleep(REST)
    return figures


def demands(figures: Figures) -> list[Bar]:
    """What is demanded of each shadow."""
    failed = sum(run.failed for runs in figures.values() for run in runs)
    bars = [Bar("requests that failed", failed, 0, at_least=False, unit="")]
    for name in (SAME, SLOW, STUCK):
        half = _ratio(figures, name, lambda run: run.p50)
        most = _ratio(figures, name, lambda run: run.p99)
        bars.append(Bar(f"{name}: p50 beside none", half, DEMAND, at_least=False))
        bars.append(Bar(f"{name}: p99 beside none", most, TAIL_DEMAND, at_least=False))
    return bars


def show(figures: Figures, bars: list[Bar]) -> None:
    """Print the figures and the bars."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for title in ("shadow", "requests", "failed", "p50 ms", "p99 ms", "cores"):
        table.add_column(title, justify="left" if title == "shadow" else "right")
    table.add_column("what became of it")
    for name, runs in figures.items():
        became = sum((Counter(run.outcomes) for run in runs), Counter[str]())
        table.add_row(
            name,
            f"{sum(run.requests for run in runs):,}",
            str(sum(run.failed for run in runs)),
            f"{statistics.median(run.p50 for run in runs) * 1e3:.3f}",
            f"{statistics.median(run.p99 for run in runs) * 1e3:.2f}",
            f"{statistics.median(run.busy for run in runs):.2f}",
            ", ".join(f"{number:,} {outcome}" for outcome, number in became.items()),
        )
    out.print(table)
    for bar in bars:
        verdict = "met" if bar.met else "[red]missed[/red]"
        out.print(f"{bar.name}: {bar.seen:.2f}{bar.unit}, at most {bar.demand:g}: {verdict}")


def _ratio(figures: Figures, name: str, of: Callable[[Run], float]) -> float:
    """The median over rounds of what was measured within one round."""
    pairs = zip(figures[name], figures[ALONE], strict=True)
    return statistics.median(of(run) / of(alone) for run, alone in pairs)


class Asked(NamedTuple):
    """Seconds that each answer took, and how many were none."""

    seconds: list[float]
    failed: int


def ask(server: Server, seconds: float, rate: float) -> Asked:
    """Ask over one connection, at moments of chance; who is late asks at once."""
    head = f"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: {len(BODY)}\r\n\r\n"
    request = head.encode() + BODY
    found, failed = [], 0
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        due = begun = time.perf_counter()
        while due < begun + seconds:
            due += random.expovariate(rate)
            time.sleep(max(0.0, due - time.perf_counter()))
            asked = time.perf_counter()
            connection.sendall(request)
            answer = _answer(connection)
            found.append(time.perf_counter() - asked)
            failed += not answer.startswith(b"HTTP/1.1 200 ")
    return Asked(found, failed)


def _answer(connection: socket.socket) -> bytes:
    """One whole answer: its head, and as much as that promises."""
    said = b""
    while b"\r\n\r\n" not in said:
        if not (part := connection.recv(65536)):
            raise BenchmarkError(f"the server hung up: {said!r}")
        said += part
    head, _, body = said.partition(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
    while len(body) < length:
        body += connection.recv(65536)
    return head + body


class House:
    """A server, its registry, and the database in which its route stands."""

    def __init__(self, server: Server, home: Path, registry: Registry) -> None:
        self.server = server
        self._worker = children(server.process.pid)
        self._engine = database.connect(Settings(home=home))
        schema.ensure(self._engine)
        self._digests = {
            version: registry.resolve(Reference(name=NAME, version=version)).digest
            for version in VERSIONS.values()
        }
        self._client = httpx.Client(base_url=f"http://127.0.0.1:{server.port}", timeout=20)

    def close(self) -> None:
        self._client.close()
        self._engine.dispose()

    def cast(self, name: str) -> None:
        """Have that shadow run, and wait until it does."""
        main, other = VERSIONS[ALONE], VERSIONS[name]
        moment = time.time_ns() // 1000
        shadows = () if name == ALONE else (Shadow(version=other, digest=self._digests[other]),)
        arm = Arm(name="champion", version=main, digest=self._digests[main], share=1.0)
        route = Route(deployment=NAME, revision=moment, salt="x", arms=(arm,), shadows=shadows)
        document = msgspec.json.encode(route).decode()
        kept = Kept(deployment=NAME, revision=moment, document=document, moment=moment)
        with self._engine.begin() as connection:
            routes.write(connection, kept)
        _wait(lambda: self._revision() == moment, "the server does not take up its route")

    def timed(self, seconds: float, rate: float) -> Run:
        """Ask, and look at what that took of the processor and of the shadow."""
        before, used = self._outcomes(), self._used()
        began = time.perf_counter()
        asked = ask(self.server, seconds, rate)
        busy = (self._used() - used) / (time.perf_counter() - began)
        time.sleep(0.2)  # for what the shadow has in hand
        p50, p99 = np.quantile(asked.seconds, (0.5, 0.99)).tolist()
        outcomes = dict(self._outcomes() - before)
        return Run(len(asked.seconds), asked.failed, p50, p99, busy, outcomes)

    def _revision(self) -> int | None:
        route = self._client.get("/health").json()["models"][0]["route"]
        return route["revision"] if route else None

    def _outcomes(self) -> Counter[str]:
        found = Counter[str]()
        for line in self._client.get("/metrics").text.splitlines():
            if line.startswith("interlock_shadow_requests_total{"):
                outcome = line.partition('outcome="')[2].partition('"')[0]
                found[outcome] += int(float(line.rpartition(" ")[2]))
        return found

    def _used(self) -> float:
        """Processor seconds of the supervisor's children so far; only the worker is busy."""
        ticks = 0
        for pid in self._worker:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")


VERSIONS = {name: f"1.0.{place}" for place, name in enumerate(TURNS)}


@contextmanager
def _house(home: Path, folder: Path) -> Iterator[House]:
    """A server of one worker, all versions in its registry and the first champion."""
    settings = Settings(home=home, actor="benchmark")
    registry = Registry(settings)
    for name, version in VERSIONS.items():
        registry.register(_package(folder / version, TURNS[name], version))
    registry.promote(NAME, VERSIONS[ALONE], "champion", "a benchmark", force=True)
    command = [sys.executable, "-m", "interlock.cli", "serve", NAME, "--workers", "1"]
    told = {"INTERLOCK_HOME": str(home), "OMP_NUM_THREADS": "1"}
    log = folder / "server.log"
    with running("interlock", [*command, "--port", "{port}"], told, log) as server:
        first_answer(server, BODY, log)
        house = House(server, home, registry)
        try:
            yield house
        finally:
            house.close()
            registry.close()


def _package(folder: Path, turns: int, version: str) -> Path:
    sample = np.random.default_rng(7).normal(size=(40, WIDTH)).astype(np.float32)
    sample[:, 0] = 0
    built = interlock.package.build(
        _graph(turns), name=NAME, version=version, sample=sample, signature=SIGNATURE, out=folder
    )
    return Path(built.path)


def _graph(turns: int) -> onnx.ModelProto:
    """The mean of the wave, after `turns` products of a matrix with itself."""
    constants = {
        "turns": np.array(turns, np.float32),
        "first": np.array(0),
        "nothing": np.array(0, np.float32),
        "square": np.full((SIDE, SIDE), 0.01, np.float32),
    }
    nodes = [
        helper.make_node("Gather", ["wave", "first"], ["works"], axis=1),
        helper.make_node("ReduceMax", ["works"], ["work"], keepdims=0),
        helper.make_node("Mul", ["work", "turns"], ["wanted"]),
        helper.make_node("Cast", ["wanted"], ["most"], to=TensorProto.INT64),
        helper.make_node("Loop", ["most", "", "square"], ["worked"], body=_turn()),
        helper.make_node("ReduceMean", ["worked"], ["mean"], keepdims=0),
        helper.make_node("Mul", ["mean", "nothing"], ["trace"]),
        helper.make_node("ReduceMean", ["wave"], ["told"], axes=[1], keepdims=0),
        helper.make_node("Add", ["told", "trace"], ["value"]),
    ]
    graph = helper.make_graph(
        nodes,
        "wave",
        [helper.make_tensor_value_info("wave", TensorProto.FLOAT, ["rows", WIDTH])],
        [helper.make_tensor_value_info("value", TensorProto.FLOAT, ["rows"])],
        [numpy_helper.from_array(values, name) for name, values in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def _turn() -> onnx.GraphProto:
    nodes = [
        helper.make_node("Identity", ["go"], ["still"]),
        helper.make_node("MatMul", ["before", "before"], ["product"]),
        helper.make_node("Tanh", ["product"], ["after"]),
    ]
    infos = [
        helper.make_tensor_value_info("turn", TensorProto.INT64, []),
        helper.make_tensor_value_info("go", TensorProto.BOOL, []),
        helper.make_tensor_value_info("before", TensorProto.FLOAT, [SIDE, SIDE]),
        helper.make_tensor_value_info("still", TensorProto.BOOL, []),
        helper.make_tensor_value_info("after", TensorProto.FLOAT, [SIDE, SIDE]),
    ]
    return helper.make_graph(nodes, "turn", infos[:3], infos[3:])


def _wait(condition: Callable[[], bool], otherwise: str) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        if time.monotonic() > deadline:
            raise BenchmarkError(otherwise)
        time.sleep(0.05)


if __name__ == "__main__":
    typer.run(main)
