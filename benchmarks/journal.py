"""What the journal costs: the same server with it and without it, the shipper included.

    .venv/bin/python benchmarks/journal.py --seconds 5 --rounds 5 --json journal.json

Both servers have two workers and answer the same request by the same small model, in interleaved
rounds; every answer of the first second of each run is compared with onnxruntime's. Before the
server without a journal has its turn, the other's shipper has shipped everything: it would take
its share of both cores. Ends with 1 when the journal takes more than a fifth of the requests.

On a busy machine the shipper gives way for some seconds, and a run may be shorter than that. So
there is one long run of each as well, in which the shipper works beside the load: no bar there.
Needs Linux and wrk. Takes about four minutes.
"""

from __future__ import annotations

import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, NamedTuple

import msgspec
import typer
from harness import load, machine, models, targets
from harness.bars import Bar
from harness.load import Load
from harness.models import Case
from harness.process import BenchmarkError, Server, first_answer, running
from harness.rounds import CONNECTIONS, ratio, rotated
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from interlock.journal import status

ON, OFF = "with the journal", "without"
DEMAND = 0.8
"""Of the requests a second without a journal."""
PATIENCE = 120.0
"""Seconds in which the shipper has to have shipped what a run left."""

out, err = Console(), Console(stderr=True)


class Figures(msgspec.Struct):
    """Runs of one server with one number of connections, and what they left to the shipper.

    `behind` is in seconds from the end of a run until all of it was in the database.
    """

    server: str
    connections: int
    rounds: list[Load] = []
    behind: list[float] = []


class Bench(NamedTuple):
    """What is measured, by which request, and where it is told how far it is."""

    servers: tuple[Server, Server]
    case: Case
    folder: Path
    bar: Progress


def main(
    seconds: Annotated[int, typer.Option(min=1, help="Length of one timed run.")] = 3,
    rounds: Annotated[int, typer.Option(min=1, help="Runs of both; medians count.")] = 5,
    long: Annotated[int, typer.Option(min=0, help="Seconds of the long runs; 0: none.")] = 20,
    json: Annotated[Path | None, typer.Option(help="Write the figures to this file.")] = None,
) -> None:
    """Measure what recording every answer costs."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that servers are ended
    here = machine.look()
    if not here.quiet:
        err.print(f"journal: others use {here.busy_cores:.1f} cores; figures will suffer")
    try:
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            figures, lasting = measure(Path(folder), rounds, seconds, long)
    except BenchmarkError as error:
        err.print(f"journal: {error}", markup=False)
        sys.exit(1)
    bars = demands(figures)
    show(figures, lasting, bars)
    if json:
        seen = {"machine": here, "figures": figures, "long": lasting, "bars": bars}
        json.write_bytes(msgspec.json.format(msgspec.json.encode(seen)))
    if not all(bar.met for bar in bars):
        sys.exit(1)


def measure(
    folder: Path, rounds: int, seconds: int, long: int
) -> tuple[list[Figures], list[Figures]]:
    """`rounds` runs of both servers at every number of connections, and one of `long` seconds."""
    case = models.small(folder)
    with (
        _server(case, folder, OFF) as off,
        _server(case, folder, ON) as on,
        Progress(console=err, transient=True) as bar,
    ):
        bench = Bench((off, on), case, folder, bar)
        return _runs(bench, rounds, seconds), _runs(bench, 1, long) if long else []


def _runs(bench: Bench, rounds: int, seconds: int) -> list[Figures]:
    found = {
        (server.name, count): Figures(server.name, count)
        for count in CONNECTIONS
        for server in bench.servers
    }
    task = bench.bar.add_task("", total=rounds * len(found))
    for number in range(rounds):
        for count in CONNECTIONS:
            for server in rotated(bench.servers, number):
                bench.bar.update(task, description=f"{count} connections, {server.name}")
                _run(server, bench.case, bench.folder, found[server.name, count], seconds)
                bench.bar.advance(task)
    return list(found.values())


def demands(figures: list[Figures]) -> list[Bar]:
    """What is demanded at each number of connections."""
    found = {(one.server, one.connections): one.rounds for one in figures}
    return [
        Bar(
            f"{count} connections: of the requests without a journal",
            ratio(found[ON, count], found[OFF, count]),
            DEMAND,
            at_least=True,
        )
        for count in CONNECTIONS
    ]


def show(figures: list[Figures], lasting: list[Figures], bars: list[Bar]) -> None:
    """Print the figures and the bars."""
    _tell(figures)
    for bar in bars:
        verdict = "met" if bar.met else "[red]missed[/red]"
        out.print(f"{bar.name}: {bar.seen:.2f}, at least {bar.demand:g} demanded: {verdict}")
    if lasting:
        out.print("\nOne long run of each:")
        _tell(lasting)
        for bar in demands(lasting):
            out.print(f"{bar.name}: {bar.seen:.2f}")


def _tell(figures: list[Figures]) -> None:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for title in ("connections", "server", "requests/s", "p99 ms", "shipped after s"):
        table.add_column(title, justify="left" if title == "server" else "right")
    for one in figures:
        table.add_row(
            str(one.connections),
            one.server,
            f"{_median(one, lambda run: run.rate):,.0f}",
            f"{_median(one, lambda run: run.p99) * 1e3:.2f}",
            f"{statistics.median(one.behind):.1f}" if one.server == ON else "",
        )
    out.print(table)


def _median(figures: Figures, of: Callable[[Load], float]) -> float:
    return statistics.median(of(run) for run in figures.rounds)


@contextmanager
def _server(case: Case, folder: Path, name: str) -> Iterator[Server]:
    """Two workers that serve `case`, seen to answer rightly."""
    log = folder / f"{name}.log"
    told = targets.environment(case, folder) | {
        "INTERLOCK_HOME": str(folder / name),
        "INTERLOCK_JOURNAL": "on" if name == ON else "off",
    }
    with running(name, targets.ours(case), told, log) as server:
        targets.check(server, case, first_answer(server, case.body.read_bytes(), log))
        yield server


def _run(server: Server, case: Case, folder: Path, figures: Figures, seconds: int) -> None:
    load.checked(server, case, figures.connections)
    figures.rounds.append(load.timed(server, case, figures.connections, seconds))
    if server.name == ON:
        figures.behind.append(_shipped(folder / ON / "journal"))


def _shipped(journal: Path) -> float:
    """Wait until nothing lies in the spool that is not in the database; seconds that it took."""
    began = time.time()
    while time.time() < began + PATIENCE:
        seen = status.read(journal)
        if seen and seen.moment > began and not any(sink.lag_bytes for sink in seen.sinks):
            return time.time() - began
        time.sleep(0.1)
    raise BenchmarkError(f"the shipper has not shipped everything within {PATIENCE:g} s")


if __name__ == "__main__":
    typer.run(main)
