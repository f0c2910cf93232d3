"""Draws decisions.svg and prints the table of evidence.md from the figures in decisions.json.

.venv/bin/python benchmarks/decisions.py --json docs/decisions.json
.venv/bin/python docs/decisions.py
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from pathlib import Path

import msgspec

FIGURES = Path(__file__).with_suffix(".json")
PICTURE = Path(__file__).with_suffix(".svg")
TRUTHS = {0.0: "equal", -0.03: "3 points worse", 0.03: "3 points better"}
# Colours that those who see few can tell apart; ours first, and it alone is filled.
COLOURS = ("#0072b2", "#d55e00", "#b8860b", "#009e73", "#aa4499")

LEFT, TOP, WIDE, GAP = 190, 92, 300, 40  # the panels: where the first begins, its width, the gap
BAND, STEP = 58, 10  # height of a setting, and of a rule in it


class Seen(msgspec.Struct, frozen=True):
    """What one rule did in one setting: shares of the runs, and looks until a rollback."""

    world: str
    better: float
    share: float
    rule: str
    rollbacks: float
    promotions: float
    looks: float | None


class Figures(msgspec.Struct, frozen=True):
    """What `benchmarks/decisions.py --json` writes."""

    runs: int
    seen: list[Seen]

    @property
    def rules(self) -> list[str]:
        return list(dict.fromkeys(one.rule for one in self.seen))

    def settings(self) -> Iterator[list[Seen]]:
        """What all rules did in one setting, setting by setting."""
        for start in range(0, len(self.seen), len(self.rules)):
            yield self.seen[start : start + len(self.rules)]


def read() -> Figures:
    """The figures beside this script."""
    return msgspec.json.decode(FIGURES.read_bytes(), type=Figures)


def table(figures: Figures) -> str:
    """Every setting as a line of Markdown."""
    heads = ["labels", "canary", "share", *figures.rules, "promoted by betting"]
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for group in figures.settings():
        first = group[0]
        told = [f"{one.rollbacks:.1%}{_after(one)}" for one in group]
        cells = [first.world, TRUTHS[first.better], f"{first.share:.0%}", *told]
        lines.append(f"| {' | '.join([*cells, f'{first.promotions:.1%}'])} |")
    return "\n".join(lines)


def plot(figures: Figures) -> str:
    """The picture: how often each rule withdraws a canary that is equal, and one that is worse."""
    panels = (
        (0.0, "An equal canary: withdrawn wrongly"),
        (-0.03, "3 points worse: withdrawn rightly"),
    )
    height = TOP + 6 * BAND + 34
    width = LEFT + 2 * WIDE + GAP + 30
    look = 'font-family="sans-serif" font-size="12" fill="#222"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" {look}>',
        f"<title>{escape('; '.join(title for _, title in panels))}</title>",
        f'<rect width="{width}" height="{height}" fill="#fff"/>',
        *_legend(figures.rules),
    ]
    for place, (better, title) in enumerate(panels):
        groups = [group for group in figures.settings() if group[0].better == better]
        parts += _panel(LEFT + place * (WIDE + GAP), title, groups, named=place == 0)
    parts.append(f'<path d="{_down(LEFT + 0.05 * WIDE)}" stroke="#222" stroke-dasharray="3 3"/>')
    parts.append(_text(LEFT + 0.05 * WIDE + 4, TOP - 4, "alpha = 5%", size=10))
    return "\n".join([*parts, "</svg>", ""])


def _after(one: Seen) -> str:
    return f" in {one.looks:.1f}" if one.looks else ""


def _legend(rules: list[str]) -> Iterator[str]:
    for place, rule in enumerate(rules):
        x = 24 + place * 165
        yield _mark(x, 22, place)
        yield _text(x + 12, 26, rule, bold=place == 0)


def _panel(x: float, title: str, groups: list[list[Seen]], *, named: bool) -> Iterator[str]:
    yield _text(x, TOP - 28, title, bold=True)
    for tick in range(0, 101, 25):
        at = x + tick / 100 * WIDE
        yield f'<path d="{_down(at)}" stroke="#ddd"/>'
        yield _text(at, TOP + 6 * BAND + 18, f"{tick}%", anchor="middle")
    for row, group in enumerate(groups):
        top = TOP + row * BAND
        if named:
            yield _text(x - 12, top + 26, group[0].world, anchor="end")
            yield _text(x - 12, top + 40, f"canary at {group[0].share:.0%}", anchor="end", size=10)
        for place, one in enumerate(group):
            y, end = top + 10 + place * STEP, x + one.rollbacks * WIDE
            line = f'stroke="{COLOURS[place]}" stroke-opacity="0.35"'
            yield f'<path d="M{x:g} {y:g}H{end:.1f}" {line}/>'
            yield _mark(end, y, place)


def _mark(x: float, y: float, place: int) -> str:
    fill, radius = (COLOURS[0], 5) if place == 0 else ("#fff", 3.5)
    return (
        f'<circle cx="{x:.1f}" cy="{y:g}" r="{radius}" fill="{fill}" stroke="{COLOURS[place]}"'
        ' stroke-width="1.5"/>'
    )


def _down(x: float) -> str:
    return f"M{x:.1f} {TOP}V{TOP + 6 * BAND}"


def _text(
    x: float, y: float, said: str, *, anchor: str = "start", bold: bool = False, size: int = 12
) -> str:
    more = ' font-weight="bold"' if bold else ""
    more += f' font-size="{size}"' if size != 12 else ""
    return f'<text x="{x:.1f}" y="{y:g}" text-anchor="{anchor}"{more}>{escape(said)}</text>'


if __name__ == "__main__":
    known = read()
    PICTURE.write_text(plot(known), encoding="utf-8")
    print(table(known))
