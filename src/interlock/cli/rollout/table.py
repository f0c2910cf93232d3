"""How rollouts are told in a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from interlock.rollout.finding import Finding
from interlock.rollout.report import STYLES, Report


def title(told: Report) -> Text:
    """One line: what instead of what, and how it stands."""
    text = Text(f"{told.name}: {told.version} instead of {told.champion} by {told.strategy}, ")
    return text.append(told.status, STYLES.get(told.status, "bold"))


def way(told: Report) -> str:
    """The steps, with the present one in brackets."""
    present = told.place if told.status in ("running", "paused") else -1
    return " → ".join(
        f"[{step}]" if place == present else step for place, step in enumerate(told.steps)
    )


def facts(told: Report) -> dict[str, str]:
    """Everything about a rollout but the findings, as names and values."""
    why = f": {told.reason}" if told.reason else ""
    seen = (
        f"{told.requests:,} requests, {told.rows:,} compared by their labels, counted up to"
        f" {short(told.counted)}"
    )
    known = {"began": f"{short(told.started)} by {told.actor}{why}", "steps": way(told) or "none"}
    if told.ended is not None:
        return {**known, "ended": short(told.ended), "at the last step": seen}
    share = f"{100 * told.share:.4g}% of the requests"
    if told.shadow:
        share += ", and all of them to nobody but the journal"
    return {**known, "share": share, "at this step": f"since {short(told.since)}: {seen}"}


def lines(told: Report) -> list[Text]:
    """All but the findings, as lines."""
    named = facts(told)
    wide = max(map(len, named)) + 2
    said = Text("now".ljust(wide), "bold").append(f"{told.verdict}: ", STYLES[told.verdict])
    rows = [Text(name.ljust(wide), "bold").append(value, "") for name, value in named.items()]
    return [title(told), *rows, said.append(told.sentence, "default")]


def findings(found: Sequence[Finding]) -> Table:
    """A line a metric. What cannot hold a step is in brackets."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("metric", "verdict", "why"):
        table.add_column(column, overflow="fold")
    for one in found:
        verdict = one.verdict if one.needed else f"({one.verdict})"
        table.add_row(one.metric, Text(verdict, STYLES[one.verdict]), Text(one.sentence))
    return table


def whole(told: Report) -> RenderableType:
    """All of it, for a terminal that is drawn anew."""
    return Group(*lines(told), *([findings(told.findings)] if told.findings else []))


def short(moment: str) -> str:
    """A time to the second.

    >>> short("2026-11-21T10:00:00.250000Z")
    '2026-11-21T10:00:00Z'
    """
    return f"{moment[:19]}Z"
