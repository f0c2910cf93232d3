"""Shows a rollout while it goes: drawn anew in a terminal, line by line in a log."""

from __future__ import annotations

import textwrap
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import NamedTuple, Protocol, Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from interlock.demo.tally import Tally
from interlock.rollout import finding
from interlock.rollout.finding import Finding
from interlock.rollout.report import STYLES, Report
from interlock.state.events import Event

_WIDE = 41  # characters of a bar
_EDGE = 0.2  # the difference of losses at its ends
_LONG = 120  # characters of what it waits for
_PAUSE = 3.0  # seconds between two lines of a log


class Seen(NamedTuple):
    """What is to be shown: where the rollout stands, all that happened to it and what of that is
    `new`, and what the ward got.
    """

    report: Report
    happened: Sequence[Event]
    new: Sequence[Event]
    tally: Tally

    @property
    def now(self) -> str:
        """What the controller waits for; nothing where that was told as it happened."""
        said = self.report.sentence
        told = said == self.happened[-1].sentence
        return "" if told else textwrap.shorten(said, _LONG, placeholder=" …")

    @property
    def seconds(self) -> float:
        """How long it has been going on."""
        return time.time() - self.happened[0].moment / 1e6

    def told(self) -> list[Text]:
        """A line for everything new."""
        return [told(event, event.moment - self.happened[0].moment) for event in self.new]


class Screen(AbstractContextManager["Screen"], Protocol):
    """Where it is shown, from the beginning to the end of a ``with`` block."""

    def show(self, seen: Seen) -> None: ...


def screen(console: Console) -> Screen:
    """The screen that `console` can have."""
    return Drawn(console) if console.is_terminal else Lines(console)


class Drawn(Screen):
    """A picture that is drawn anew; what happens is told above it, and stays."""

    def __init__(self, console: Console) -> None:
        self._live = Live(console=console, auto_refresh=False, transient=True)

    def __enter__(self) -> Self:
        self._live.__enter__()
        return self

    def __exit__(self, *caught: object) -> None:
        self._live.stop()

    def show(self, seen: Seen) -> None:
        for line in seen.told():
            self._live.console.print(line)
        self._live.update(picture(seen), refresh=True)


class Lines(Screen):
    """A line for all that happens, and every few seconds one that says how it goes."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._last = -_PAUSE

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *caught: object) -> None:
        pass

    def show(self, seen: Seen) -> None:
        for line in seen.told():
            self._console.print(line)
        now = time.monotonic()
        if now - self._last >= _PAUSE and seen.report.ended is None:
            self._console.print(briefly(seen))
            self._last = now


def told(event: Event, after: int) -> Text:
    """What happened, after how long (microseconds), and why: of all that let it go on, the quality,
    which has to be shown.
    """
    said = Text(f"   {after / 1e6:3.0f} s  ")
    said.append(event.event, STYLES.get(event.event, "bold"))
    return said.append(f"  {_why(event)}", "")


def _why(event: Event) -> str:
    if event.event not in ("widened", "promoting"):
        return event.sentence
    quality = [one for one in finding.read(event.document).findings if one.metric == "quality"]
    return f"{event.sentence.partition(':')[0]}: {quality[0].sentence if quality else ''}"


def briefly(seen: Seen) -> Text:
    """How it goes, in a line."""
    report = seen.report
    shares = ", ".join(f"{share:.0%} {version}" for version, share in seen.tally.shares().items())
    answered = f"answered {shares}" if shares else "nobody has asked yet"
    said = Text(f"   {seen.seconds:3.0f} s  {_step(report)}: {answered}; {_bounds(report)}")
    return said.append(f"; {seen.now}" if seen.now else "", STYLES[report.verdict])


def _step(report: Report) -> str:
    return "in the shadow" if report.shadow else f"{report.share:.0%}"


def _bounds(report: Report) -> str:
    quality = _quality(report)
    if quality is None or "difference" not in quality.figures:
        return "no labels count yet"
    low, mean, high = (_number(quality, name) for name in ("low", "difference", "high"))
    return f"{report.rows:,} labels at this step, loss {mean:+.3f} ({low:+.3f} to {high:+.3f})"


def picture(seen: Seen) -> RenderableType:
    """All of it."""
    report = seen.report
    title = Text(f"{report.name} {report.version} by {report.strategy}  ", "bold")
    title.append(report.status, STYLES.get(report.status, "bold"))
    title.append(f"  {seen.seconds:.0f} s  {_way(report)}", "")
    now = Text(f"now: {seen.now or report.verdict}", STYLES[report.verdict])
    parts = (title, _shares(seen), _findings(report), now, Text(seen.tally.sentence()))
    return Padding(Group(*parts), (1, 0, 0, 3))


def _way(report: Report) -> str:
    steps = enumerate(report.steps)
    return " → ".join(f"[{name}]" if place == report.place else name for place, name in steps)


def _shares(seen: Seen) -> Table:
    """What each version answers, as the ward sees it."""
    table = _grid()
    for version, share in seen.tally.shares().items():
        full = round(share * _WIDE)
        bar = Text("█" * full, "cyan").append("░" * (_WIDE - full), "dim")
        table.add_row(version, bar, f"{share:.0%} of the last answers")
    return table


def _findings(report: Report) -> Table:
    table = _grid()
    for one in report.findings:
        said = Text(one.sentence, overflow="ellipsis", no_wrap=one.metric != "quality")
        table.add_row(one.metric, Text(one.verdict, STYLES[one.verdict]), said)
        if one.metric == "quality" and "difference" in one.figures:
            table.add_row("", "", ruler(one))
    return table


def _grid() -> Table:
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(min_width=10)
    return table


def ruler(quality: Finding) -> Text:
    """The bounds of the difference on a line from better to worse, with 0 marked."""
    low, mean, high = (_place(_number(quality, name)) for name in ("low", "difference", "high"))
    said = Text("better ")
    for place in range(_WIDE):
        if place == mean:
            said.append("●", "bold")
        elif place == _place(0.0):
            said.append("0", "bold")
        elif low <= place <= high:
            said.append("━", "yellow")
        else:
            said.append("·", "dim")
    return said.append(" worse")


def _place(difference: float) -> int:
    inside = min(_EDGE, max(-_EDGE, difference))
    return round((inside + _EDGE) / (2 * _EDGE) * (_WIDE - 1))


def _quality(report: Report) -> Finding | None:
    return next((one for one in report.findings if one.metric == "quality"), None)


def _number(found: Finding, name: str) -> float:
    return float(found.figures[name] or 0.0)


def verdict(report: Report) -> list[str]:
    """How it ended, in plain words."""
    seen = {one.metric: one for one in report.findings}
    calm = [name for name in ("errors", "latency", "answers") if _calm(seen.get(name))]
    if report.status == "promoted":
        return [f"{report.version} is the champion now: the evidence allowed every step."]
    if report.status != "rolled back":
        return [f"{report.version} is {report.status}: {report.sentence}"]
    failed = ", ".join(one.metric for one in report.findings if one.verdict == "failed")
    words = [f"{report.version} was withdrawn by itself, because of {failed}."]
    if failed == "quality" and calm:
        words.append(f"Nothing else gave it away ({', '.join(calm)} passed): only the labels did.")
    return words


def _calm(found: Finding | None) -> bool:
    return found is not None and found.verdict == "passed"
