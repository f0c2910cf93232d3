"""How often a comparison is wrong, in worlds where the truth is known.

    .venv/bin/python benchmarks/intervals.py --runs 1000 --json coverage.json

Every study asks whether the challenger is worse by more than the margin, with the margin at the
true difference, or whether a model alone clears a bound, with the bound at its true figure. There
neither `passed` nor `failed` is right, and each may come out in at most a share alpha of the
studies, and three Monte-Carlo errors. Ends with 1 when a bar is missed. Of settings that show what
no interval can do nothing is demanded. A last table holds `more_rows` against the rows that it
truly takes. A thousand runs take about twenty minutes.
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
from scipy.stats import beta
from simulation import more, worlds
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
    Setting(worlds.classes, "roc_auc", 300, by_class=True),
    Setting(worlds.classes, "pr_auc", 300, by_class=True),
    Setting(worlds.forecasts, "mae", 100),
    Setting(worlds.forecasts, "pinball:0.9", 100),
    Setting(worlds.months, "hazard_brier", 200),
    Setting(worlds.months, "hazard_brier:6", 200),
    Setting(worlds.months, "concordance", 200),
    Setting(worlds.patients, "accuracy", 40, grouped=False, demanded=False),
    Setting(worlds.blunders, "log_loss", 300, demanded=False),
    Setting(worlds.calibrated, "ece", 300, demanded=False),
)
BOUNDS = (
    Setting(worlds.nearly_perfect, "accuracy", 100, alone=True),
    Setting(worlds.classes, "accuracy", 300, alone=True),
    Setting(worlds.patients, "accuracy", 40, alone=True),
    Setting(worlds.classes, "f1_macro", 300, by_class=True, alone=True),
    Setting(worlds.classes, "roc_auc", 300, by_class=True, alone=True),
    Setting(worlds.classes, "brier", 300, alone=True),
    Setting(worlds.classes, "ece", 1000, alone=True),
    Setting(worlds.numbers, "mae", 300, alone=True),
    Setting(worlds.forecasts, "mae", 100, alone=True),
    Setting(worlds.months, "hazard_brier", 200, alone=True),
    Setting(worlds.months, "hazard_calibration:6", 500, alone=True),
)


class Seen(msgspec.Struct, frozen=True):
    """Shares of the studies of one setting that ended in a wrong verdict.

    `exact` has those of Clopper and Pearson's limits, where these apply.
    """

    world: str
    metric: str
    size: int
    drawn: str
    passes: float
    failures: float
    bca_passes: float
    bca_failures: float
    exact: tuple[float, float] | None
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
    """Simulate, print tables, and demand that false verdicts are no more than alpha."""
    console, aside = Console(), Console(stderr=True)
    progress = track((*SETTINGS, *BOUNDS), "simulating", console=aside, transient=True)
    seen = [look(setting, runs, resamples) for setting in progress]
    show(console, "Two models", seen[: len(SETTINGS)])
    show(console, "One model against a bound", seen[len(SETTINGS) :])
    progress_more = track(more.QUESTIONS, "asking for rows", console=aside, transient=True)
    asked = [more.look(question, max(20, runs // 4), resamples) for question in progress_more]
    show_asked(console, asked)
    if json:
        found = {"runs": runs, "seen": seen, "asked": asked}
        json.write_bytes(msgspec.json.format(msgspec.json.encode(found)))
    if not all(one.met for one in seen if one.demanded):
        sys.exit(1)


def look(setting: Setting, runs: int, resamples: int) -> Seen:
    """Wrong verdicts of that many studies, and what they would have been by other limits."""
    world, random = setting.world(), np.random.default_rng(7)
    truth = world.truth(setting)
    found = [
        worlds.examine(setting, world, random, alpha=ALPHA, resamples=resamples)
        for _ in range(runs)
    ]
    decided = [
        (one.estimate, one.span) for one in found if one.span is not None and not one.trouble
    ]
    shares = setting.alone and setting.metric == "accuracy" and world.group is None
    return Seen(
        world=setting.world.__name__.replace("_", " "),
        metric=setting.metric,
        size=setting.size,
        drawn=setting.drawn,
        passes=sum(span.low > truth for _, span in decided) / runs,
        failures=sum(span.high < truth for _, span in decided) / runs,
        bca_passes=sum(middle - span.below > truth for middle, span in decided) / runs,
        bca_failures=sum(middle + span.above < truth for middle, span in decided) / runs,
        exact=exact([one for one, _ in decided], setting.size, truth) if shares else None,
        error=math.sqrt(ALPHA * (1 - ALPHA) / runs),
        demanded=setting.demanded,
    )


def exact(shares: Sequence[float], size: int, truth: float) -> tuple[float, float]:
    """Wrong verdicts, passes then failures, by the limits of Clopper and Pearson."""
    hits = np.round(np.array(shares) * size)
    low = beta.ppf(ALPHA, hits, size - hits + 1)  # NaN without a hit: nothing is below 0
    high = beta.ppf(1 - ALPHA, hits + 1, size - hits)
    return float(np.mean(low > truth)), float(np.mean(high < truth))


def show(console: Console, title: str, seen: Sequence[Seen]) -> None:
    """One line a setting."""
    table = Table(box=None, header_style="bold", pad_edge=False, title=title)
    for heading in (
        *("world", "metric", "size", "drawn", "false passes", "false failures"),
        *("BCa alone", "exact", ""),
    ):
        table.add_column(heading)
    for one in seen:
        bar = ("met" if one.met else "[red]missed[/red]") if one.demanded else "not demanded"
        table.add_row(
            *(one.world, one.metric, f"{one.size:,}", one.drawn),
            *(f"{one.passes:.1%}", f"{one.failures:.1%}"),
            f"{one.bca_passes:.1%}, {one.bca_failures:.1%}",
            "" if one.exact is None else "{:.1%}, {:.1%}".format(*one.exact),
            bar,
        )
    console.print(table)
    error = seen[0].error
    console.print(f"alpha {ALPHA:.0%}, Monte-Carlo error {error:.2%}; bar {ALPHA + 3 * error:.1%}")


def show_asked(console: Console, asked: Sequence[more.Asked]) -> None:
    """One line a question."""
    title = "Rows asked for in all, as multiples of those that half of the studies need"
    table = Table(box=None, header_style="bold", pad_edge=False, title=title)
    for heading in ("world", "metric", "size", "undecided", "needed", "a tenth ask", "half", "90%"):
        table.add_column(heading)
    for one in asked:
        table.add_row(
            *(one.world, one.metric, f"{one.size:,}", f"{one.open:.0%}", f"{one.needed:,}"),
            *(f"{one.tenth:.2g}", f"{one.half:.2g}", f"{one.ninetieth:.2g}"),
        )
    console.print(table)


if __name__ == "__main__":
    typer.run(main)
