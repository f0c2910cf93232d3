"""How often rules for canaries decide wrongly, and how soon rightly, where the truth is known.

    .venv/bin/python benchmarks/decisions.py --runs 1000 --json decisions.json

Each run is forty looks at a canary with a hundred labels a look, at 5% of the traffic or at half of
it. Bars, for our rule: an equal canary is withdrawn in at most a share alpha of the runs, in every
world; one that is three points worse is promoted as "no more than three points worse" in at most
that share; and in the plain world it is withdrawn in 98% of the runs within 13 looks on average at
5%, and in 90% within 19 at equal shares. Ends with 1 when a bar is missed. A thousand runs take
about ten minutes.
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
from simulation import traffic
from simulation.rules import ALPHA, RULES, Rule
from simulation.traffic import Look, Setting

DROP = 0.03
WORLDS = (traffic.independent, traffic.delayed_by_outcome, traffic.patients)
SETTINGS = tuple(
    Setting(world, better, times)
    for world in WORLDS
    for better in (0.0, -DROP, DROP)
    for times in (19, 1)
)


class Seen(msgspec.Struct, frozen=True):
    """What one rule did in one setting: shares of the runs, and looks until a rollback."""

    world: str
    better: float
    share: float
    rule: str
    rollbacks: float
    promotions: float
    looks: float | None
    runs: int

    @property
    def missed(self) -> str:
        """Which bar our rule missed, in words; nothing when it met them or it is not ours."""
        allowed = ALPHA + 3 * math.sqrt(ALPHA * (1 - ALPHA) / self.runs)
        if self.rule != RULES[0].title:
            return ""
        if self.better >= 0 and self.rollbacks > allowed:
            return f"withdrawn in {self.rollbacks:.1%} though it is no worse"
        if self.better < 0 and self.promotions > allowed:
            return f"promoted in {self.promotions:.1%} though it is as bad as the margin"
        if self.better < 0 and self.world == "independent":
            least, most = (0.98, 13) if self.share < 0.5 else (0.90, 19)
            if self.rollbacks < least or self.looks is None or self.looks >= most:
                return f"asked for: {least:.0%} within {most} looks"
        return ""


def main(
    runs: Annotated[int, typer.Option(min=20, help="Canaries of each setting.")] = 1000,
    json: Annotated[Path | None, typer.Option(help="Write the figures to this file.")] = None,
) -> None:
    """Simulate, print a table, and demand that our rule keeps its promises."""
    console = Console()
    progress = track(SETTINGS, "simulating", console=Console(stderr=True), transient=True)
    seen = [one for setting in progress for one in look(setting, runs)]
    show(console, seen)
    if json:
        json.write_bytes(msgspec.json.format(msgspec.json.encode({"runs": runs, "seen": seen})))
    missed = [one for one in seen if one.missed]
    for one in missed:
        console.print(f"[red]missed[/red]: {one.world}, {one.better:+.0%}: {one.missed}")
    if missed:
        sys.exit(1)


def look(setting: Setting, runs: int) -> list[Seen]:
    """What every rule does with the same canaries."""
    random = np.random.default_rng(5)
    canaries = [list(setting.looks(random)) for _ in range(runs)]
    return [_seen(setting, rule, canaries) for rule in RULES]


def _seen(setting: Setting, rule: Rule, canaries: Sequence[list[Look]]) -> Seen:
    margin = DROP if setting.better < 0 else 0.02
    by_patient = setting.world is traffic.patients
    found = [rule.decide(looks, by_patient, margin) for looks in canaries]
    delays = [number for decision, number in found if decision == "rollback"]
    return Seen(
        world=setting.title,
        better=setting.better,
        share=1 / (1 + setting.times),
        rule=rule.title,
        rollbacks=len(delays) / len(found),
        promotions=sum(decision == "promote" for decision, _ in found) / len(found),
        looks=float(np.mean(delays)) if delays else None,
        runs=len(found),
    )


def show(console: Console, seen: Sequence[Seen]) -> None:
    """One line a setting, one column a rule: rollbacks, and after how many looks."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for title in ("world", "truth", "share", *(rule.title for rule in RULES), "promoted by us"):
        table.add_column(title)
    for start in range(0, len(seen), len(RULES)):
        group = seen[start : start + len(RULES)]
        first = group[0]
        truth = {0.0: "equal"}.get(first.better, f"{first.better:+.0%}")
        told = [f"{one.rollbacks:.1%}{_after(one)}" for one in group]
        table.add_row(first.world, truth, f"{first.share:.0%}", *told, f"{first.promotions:.1%}")
    console.print(table)


def _after(one: Seen) -> str:
    return f" in {one.looks:.1f}" if one.looks else ""


if __name__ == "__main__":
    typer.run(main)
