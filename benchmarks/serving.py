"""Our server against a floor, against other servers, and against onnxruntime alone.

    make bench
    .venv/bin/python benchmarks/serving.py --seconds 5 --rounds 5 --json figures.json

Everybody answers the same request by the same graph with two workers, on the loopback, in
interleaved rounds. In the first second of each run every answer is compared with onnxruntime's.
Ends with 1 when a bar is missed. Needs Linux (it reads /proc) and wrk. Takes about five minutes.
"""

from __future__ import annotations

import signal
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from harness import core, machine, models, report, rounds, start, targets
from harness.bars import bars
from harness.models import Case
from harness.process import BenchmarkError, Memory
from harness.rounds import Figures
from harness.start import Start
from rich.console import Console
from rich.progress import Progress

out, err = Console(), Console(stderr=True)


def main(
    seconds: Annotated[int, typer.Option(min=1, help="Length of one timed run.")] = 3,
    rounds: Annotated[int, typer.Option(min=1, help="Runs of everybody; medians count.")] = 3,
    json: Annotated[Path | None, typer.Option(help="Write the figures to this file.")] = None,
    no_bars: Annotated[bool, typer.Option("--no-bars", help="Print, demand nothing.")] = False,
) -> None:
    """Measure how fast models are served."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that servers are ended
    here = machine.look()
    if not here.quiet:
        err.print(f"serving: others use {here.busy_cores:.1f} cores; figures will suffer")
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        try:
            figures, started, memory = run(Path(folder), rounds, seconds)
        except BenchmarkError as error:
            err.print(f"serving: {error}", markup=False)
            sys.exit(1)
    demands = bars(figures, started, memory)
    report.show(out, figures, started, memory)
    report.show_bars(out, demands)
    if json:
        written = msgspec.json.encode(report.document(here, figures, started, memory, demands))
        json.write_bytes(msgspec.json.format(written))
    if not no_bars and not all(bar.met for bar in demands):
        sys.exit(1)


def run(folder: Path, number: int, seconds: int) -> tuple[Figures, Start, Memory]:
    """Build both models, then measure starting, idle memory and speed."""
    small, large = models.small(folder), models.large(folder)
    started = start.starts(small, folder)
    with Progress(console=err, transient=True) as bar:
        servers = len(targets.PEERS) + 2
        task = bar.add_task("", total=2 * rounds.steps(servers, number) + core.steps(number))

        def advance(note: str) -> None:
            bar.update(task, advance=1, description=note)

        def speed(case: Case) -> tuple[Figures, Memory]:
            with targets.everybody(case, folder) as serving:
                memory = start.idle(serving[targets.OURS], case)
                everybody = list(serving.values())
                seen = rounds.measure(
                    case, everybody, rounds=number, seconds=seconds, advance=advance
                )
                return seen, memory

        figures, memory = speed(small)
        more, _ = speed(large)
        lone = core.measure(large, folder, rounds=number, seconds=seconds, advance=advance)
    return figures | more | lone, started, memory


if __name__ == "__main__":
    typer.run(main)
