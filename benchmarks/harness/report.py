"""What a run prints and writes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from harness.bars import Bar
from harness.machine import Machine
from harness.process import Memory
from harness.rounds import Figures, p99, rate
from harness.start import Start


def show(console: Console, figures: Figures, start: Start, memory: Memory) -> None:
    """The table of speeds, and one line each for starting and memory."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for title, justify in (
        ("model", "left"),
        ("connections", "right"),
        ("server", "left"),
        ("requests/s", "right"),
        ("p99 ms", "right"),
    ):
        table.add_column(title, justify="right" if justify == "right" else "left")
    for key, loads in sorted(figures.items(), key=lambda item: (item[0][0], item[0][2])):
        slow = p99(loads)
        late = "" if math.isnan(slow) else f"{slow * 1e3:.2f}"
        table.add_row(key.case, str(key.connections), key.target, f"{rate(loads):,.0f}", late)
    console.print(table)
    console.print(
        f"first answer after starting the server {start.server:.2f} s, "
        f"after a worker's death {start.worker:.2f} s; "
        f"two idle workers {memory.resident / 1e6:.0f} MB resident, "
        f"{memory.proportional / 1e6:.0f} MB with shared pages counted once"
    )


def show_bars(console: Console, bars: Sequence[Bar]) -> None:
    """Each demand, what was seen, and whether it is met."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for title in ("bar", "seen", "demand", ""):
        table.add_column(title, no_wrap=True)
    for bar in bars:
        sign, verdict = "≥" if bar.at_least else "≤", "met" if bar.met else "[red]missed[/red]"
        table.add_row(
            bar.name, f"{bar.seen:.2f}{bar.unit}", f"{sign} {bar.demand:g}{bar.unit}", verdict
        )
    console.print(table)


def document(
    machine: Machine, figures: Figures, start: Start, memory: Memory, bars: Sequence[Bar]
) -> dict[str, Any]:
    """Everything that was seen, for `--json`; times in seconds, sizes in bytes."""
    return {
        "machine": machine,
        "loads": [{**key._asdict(), "rounds": loads} for key, loads in figures.items()],
        "start": start,
        "idle_workers": memory._asdict(),
        "bars": [
            {"name": bar.name, "seen": bar.seen, "demand": bar.demand, "met": bar.met}
            for bar in bars
        ],
    }
