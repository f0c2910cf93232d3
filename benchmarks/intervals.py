"""How often a comparison is wrong, in worlds where the truth is known.

    .venv/bin/python benchmarks/intervals.py --runs 1000 --json coverage.json

Every study asks whether the challenger is worse by more than the margin, with the margin at the
true difference: there neither `passed` nor `failed` is right, and each may come out in at most a
share alpha of the studies, and three Monte-Carlo errors. Ends with 1 when a bar is missed. The
setting that overlooks groups shows what happens then; nothing is demanded of it. A thousand runs
take about ten minutes.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import msgspec
import numpy as np
import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table
from simulation import worlds
from simulation.worlds import Setting

ALPHA = 0.05
SETTINGS = (
    Setting(worlds.classes, "accuracy", 300),
    Setting(worlds.nearly_perfect, "accuracy", 100),
    Setting(worlds.nearly_perfect, "accuracy", 300),
    Setting(worlds.classes, "f1_macro", 300),
    Setting(worlds.classes, "f1_macro", 300, by_class=True),
    Setting(worlds.classes, "f1_macro", 1000, by_class=True),
    Setting(worlds.classes, "recall:rare", 1000),
    Setting(worlds.classes, "brier", 300),
    Setting(worlds.classes, "log_loss", 300),
    Setting(worlds.numbers, "mae", 100),
    Setting(worlds.numbers, "mae", 300),
    Setting(worlds.numbers, "rmse", 300),
    Setting(worlds.patients, "accuracy", 12),
    Setting(worlds.patients, "accuracy", 40),
    Setting(worlds.patients, "f1_macro", 25),
    Setting(worlds.patients, "accuracy", 40, grouped=False),
)


class Seen(msgspec.Struct, frozen=True):
    """Shares of the studies of one setting that ended in a wrong verdict, and in a right one."""

    world: str
    metric: str
    size: int
    drawn: str
    passes: float
    failures: float
    bca_passes: float
    bca_failures: float
    error: float
    demanded: bool

    @property
    def met(self) -> bool:
        return max(self.passes, self.failures) <= ALPHA + 3 * self.error


def main(
    runs: Annotated[int, typer.Option(min=20, help="Studies of each setting.")] = 1000,
    json: Annotated[Path | None, typer.Option(help="Write the figures to this file.")] = None,
    resamples: Annotated[int, typer.Option(min=100, help="Resamples of each study.")] = 199,
) -> None:
    """Simulate, print a table, and demand that false verdicts are no more than alpha."""
    console = Console()
    progress = track(SETTINGS, "simulating", console=Console(stderr=True), transient=True)
    seen = [look(setting, runs, resamples) for setting in progress]
    show(console, seen)
    if json:
        json.write_bytes(msgspec.json.format(msgspec.json.encode({"runs": runs, "seen": seen})))
    if not all(one.met for one in seen if one.demanded):
        sys.exit(1)


def look(setting: Setting, runs: int, resamples: int) -> Seen:
    """Wrong verdicts of that many studies, and what they would have been by BCa alone."""
    world, random = setting.world(), np.random.default_rng(7)
    truth = world.difference(setting.metric)
    found = [
        worlds.examine(setting, world, random, alpha=ALPHA, resamples=resamples)
        for _ in range(runs)
    ]
    decided = [
        (one.estimate, one.span) for one in found if one.span is not None and not one.trouble
    ]
    return Seen(
        world=setting.world.__name__.replace("_", " "),
        metric=setting.metric,
        size=setting.size,
        drawn=setting.drawn,
        passes=sum(span.low > truth for _, span in decided) / runs,
        failures=sum(span.high < truth for _, span in decided) / runs,
        bca_passes=sum(middle - span.below > truth for middle, span in decided) / runs,
        bca_failures=sum(middle + span.above < truth for middle, span in decided) / runs,
        error=math.sqrt(ALPHA * (1 - ALPHA) / runs),
        demanded=setting.grouped,
    )


def show(console: Console, seen: Sequence[Seen]) -> None:
    """One line a setting."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    titles = ("world", "metric", "size", "drawn", "false passes", "false failures", "BCa alone", "")
    for title in titles:
        table.add_column(title)
    for one in seen:
        alone = f"{one.bca_passes:.1%}, {one.bca_failures:.1%}"
        bar = ("met" if one.met else "[red]missed[/red]") if one.demanded else "not demanded"
        size = f"{one.size:,}"
        shares = f"{one.passes:.1%}", f"{one.failures:.1%}"
        table.add_row(one.world, one.metric, size, one.drawn, *shares, alone, bar)
    console.print(table)
    error = seen[0].error
    console.print(f"alpha {ALPHA:.0%}, Monte-Carlo error {error:.2%}; bar {ALPHA + 3 * error:.1%}")


if __name__ == "__main__":
    typer.run(main)
