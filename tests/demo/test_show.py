"""What is shown of a rollout, in a terminal and in a log."""

from __future__ import annotations

import io
import time
from pathlib import Path
from typing import Any

from rich.console import Console

from interlock.demo import show
from interlock.demo.asked import Asked, Writer
from interlock.demo.show import Seen
from interlock.demo.tally import Tally
from interlock.evidence.verdict import Verdict
from interlock.rollout.finding import Analysis, Finding
from interlock.rollout.report import Report
from interlock.state.events import Event


def quality(verdict: Verdict = "inconclusive", **changes: float) -> Finding:
    figures: dict[str, float | None] = {"low": -0.05, "difference": 0.05, "high": 0.15, **changes}
    return Finding(metric="quality", verdict=verdict, sentence="its loss is more", figures=figures)


def report(*findings: Finding, **changes: Any) -> Report:
    facts: dict[str, Any] = {
        "name": "ecg",
        "version": "1.0.1",
        "champion": "1.0.0",
        "strategy": "canary",
        "status": "running",
        "verdict": "inconclusive",
        "sentence": "10% for another 4 s",
        "step": "10%",
        "steps": ("10%", "100%"),
        "place": 0,
        "share": 0.1,
        "shadow": False,
        "requests": 700,
        "rows": 123,
        "bound": 0.1,
        "id": "r",
        "ended": None,
        "actor": "ann",
        "started": "",
        "since": "",
        "counted": "",
        "reason": "",
        "findings": findings,
    }
    return Report(**{**facts, **changes})


def event(name: str, sentence: str, seconds: float = 0.0, *findings: Finding) -> Event:
    document = Analysis(findings=findings).to_json()
    moment = round((time.time() + seconds - 60) * 1e6)
    return Event(rollout="r", moment=moment, event=name, sentence=sentence, document=document)


def seen(folder: Path, told: Report, *events: Event) -> Seen:
    """The events are new; nine of ten answers are the champion's."""
    with Writer(folder / "asked") as writer:
        for number in range(10):
            version = "1.0.1" if number == 0 else "1.0.0"
            writer.add(Asked(0, 0.0, str(number), version))
    tally = Tally(folder / "asked")
    tally.look()
    return Seen(told, events, events, tally)


def shown(what: Seen, *, terminal: bool) -> str:
    """All that a console gets, without colours."""
    text = io.StringIO()
    console = Console(
        file=text, force_terminal=terminal, width=120, color_system=None, soft_wrap=True
    )
    with show.screen(console) as screen:
        screen.show(what)
    return text.getvalue()


def test_a_log_has_a_line_of_what_happened_and_one_of_how_it_goes(tmp_path: Path) -> None:
    """Seconds since it began, shares as callers see them, labels, bounds, and what it waits for."""
    happened = event("started", "1.0.1 by canary"), event("held", "10% for another 9 s", 12)
    lines = shown(seen(tmp_path, report(quality()), *happened), terminal=False).splitlines()
    assert lines[:2] == [
        "     0 s  started  1.0.1 by canary",
        "    12 s  held  10% for another 9 s",
    ]
    assert lines[2] == (
        "    60 s  10%: answered 90% 1.0.0, 10% 1.0.1; 123 labels at this step, loss +0.050 (-0.050"
        " to +0.150); 10% for another 4 s"
    )


def test_a_log_says_when_no_label_counts_and_nothing_twice(tmp_path: Path) -> None:
    """Before the first label; and a sentence that was just told is not told again."""
    told = report(sentence="1.0.1 by canary")
    lines = shown(seen(tmp_path, told, event("started", "1.0.1 by canary")), terminal=False)
    assert "answered 90% 1.0.0, 10% 1.0.1; no labels count yet\n" in lines
    assert lines.count("1.0.1 by canary") == 1


def test_a_terminal_is_drawn_a_picture(tmp_path: Path) -> None:
    """Steps with the present one marked, a bar a version, findings, and the bounds on a line."""
    drawn = shown(seen(tmp_path, report(quality()), event("started", "by canary")), terminal=True)
    assert "started  by canary" in drawn
    assert "ecg 1.0.1 by canary  running  60 s  [10%] → 100%" in drawn
    assert f"1.0.0       {'█' * 37}░░░░  90% of the last answers" in drawn
    assert f"1.0.1       ████{'░' * 37}  10% of the last answers" in drawn
    assert "quality     inconclusive  its loss is more" in drawn
    assert "better ···············━━━━━0━━━━●━━━━━━━━━━····· worse" in drawn
    assert "now: 10% for another 4 s" in drawn
    assert "10 requests of the ward answered, none failed" in drawn


def test_bounds_beyond_the_line_end_at_its_ends() -> None:
    """Little evidence leaves everything open, and a collapse is at the end of the line."""
    everything = str(show.ruler(quality(low=-1.0, high=1.0)))
    assert everything == f"better {'━' * 20}0━━━━●{'━' * 15} worse"
    collapsed = str(show.ruler(quality(low=0.3, high=0.9, difference=0.5)))
    assert collapsed == f"better {'·' * 20}0{'·' * 19}● worse"


def test_what_widens_is_told_with_its_quality_alone() -> None:
    """The sentence of the controller has every finding; here is the one that had to be shown."""
    sentence = "from 10% to 50% as the evidence allows: errors: none; quality: its loss is more"
    told = show.told(event("widened", sentence, 0, quality("passed")), 14_000_000)
    assert (
        str(told) == "    14 s  widened  from 10% to 50% as the evidence allows: its loss is more"
    )


def test_the_end_is_told_in_words() -> None:
    """Why it was withdrawn, and what would have noticed nothing."""
    calm = [
        Finding(metric="errors", verdict="passed", sentence=""),
        Finding(metric="latency", verdict="inconclusive", sentence=""),
        Finding(metric="answers", verdict="passed", sentence=""),
    ]
    assert show.verdict(report(*calm, quality("failed"), status="rolled back")) == [
        "1.0.1 was withdrawn by itself, because of quality.",
        "Nothing else gave it away (errors, answers passed): only the labels did.",
    ]
    slow = Finding(metric="latency", verdict="failed", sentence="")
    assert show.verdict(report(calm[0], slow, quality(), status="rolled back")) == [
        "1.0.1 was withdrawn by itself, because of latency."
    ]
    assert show.verdict(report(status="promoted")) == [
        "1.0.1 is the champion now: the evidence allowed every step."
    ]
    assert show.verdict(report(status="aborted", sentence="aborted by ann")) == [
        "1.0.1 is aborted: aborted by ann"
    ]
