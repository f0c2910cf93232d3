"""Decisions: findings in, what to do and why out. Pure."""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from interlock.evidence.verdict import Verdict, worst
from interlock.rollout.clock import lasted, micros
from interlock.rollout.finding import Analysis
from interlock.rollout.progress import Progress

Action: TypeAlias = Literal["hold", "widen", "finish", "roll back", "pause"]


class Decision(msgspec.Struct, frozen=True):
    """What to do, and the sentence that says why. `verdict` is that of the step as a whole."""

    action: Action
    sentence: str
    verdict: Verdict = "inconclusive"


def decide(known: Progress, analysis: Analysis, now: int, blind: str = "") -> Decision:
    """What to do with a rollout that is running or paused.

    `blind` says why the registry could not be asked, if so: then nothing goes further, but what
    has failed still goes back.
    """
    step = known.step
    if analysis.failed:
        said = "; ".join(f"{one.metric}: {one.sentence}" for one in analysis.failed)
        return Decision("roll back", f"rolled back at {step.name}: {said}", "failed")
    if known.record.status == "paused":
        return Decision("hold", "paused: a person decides (resume, promote or abort)")
    if blind:
        return Decision("hold", f"the registry cannot be asked: {blind}", "error")
    # A clock that was set back makes no step younger than new.
    left = micros(step.least_seconds) - max(0, now - known.record.since)
    if left > 0:
        sentence = f"{step.name} for another {lasted(left)} at least"
        return Decision("hold", sentence, verdict(analysis))
    if lacking := _lacking(known, analysis):
        return _wait(known, analysis, -left, lacking)
    return _go_on(known, analysis, "as the evidence allows")


def verdict(analysis: Analysis) -> Verdict:
    """The verdict of a step: that of the worst finding that it needs; without traffic, none."""
    if not analysis.requests and not analysis.failed:
        return "inconclusive"
    return worst(one.verdict for one in analysis.findings if one.needed)


def _lacking(known: Progress, analysis: Analysis) -> str:
    """What is missing for the next step, in words; nothing when it may come."""
    if not analysis.requests:
        return "there was no traffic at this step"
    missing = [one for one in analysis.findings if one.needed and one.verdict != "passed"]
    if missing:
        said = "; ".join(f"{one.metric}: {one.sentence}" for one in missing)
        return said + (_keys(known) if any(one.metric == "quality" for one in missing) else "")
    if known.step.comparison != "before" and analysis.rows < known.step.least_rows:
        unit = "keys" if known.rules.labels.unit == "key" else "requests"
        least = known.step.least_rows
        said = f"{analysis.rows} of at least {least} labelled {unit} compared at this step"
        return said + _keys(known)
    return ""


def _keys(known: Progress) -> str:
    """That more traffic of the same keys does not help, where keys are what is counted."""
    if known.rules.labels.unit != "key":
        return ""
    seen = known.evidence.rows
    keys = "1 different key was" if seen == 1 else f"{seen} different keys were"
    return f" ({keys} compared since it began; only new keys count)"


def _wait(known: Progress, analysis: Analysis, over: int, lacking: str) -> Decision:
    """What to do without enough evidence, `over` microseconds after the shortest time."""
    table, step = known.rules.rollout, known.step
    found = verdict(analysis)
    long = over >= micros(table.patience)
    at = lasted(over + micros(step.least_seconds))
    if long and table.inconclusive == "pause":
        return Decision("pause", f"paused after {at} at {step.name}: {lacking}", found)
    if long and table.inconclusive == "proceed" and analysis.requests and found != "error":
        return _go_on(known, analysis, f"after {at} without enough evidence ({lacking})")
    found = "inconclusive" if found == "passed" else found
    return Decision("hold", f"{step.name} is held: {lacking}", found)


def _go_on(known: Progress, analysis: Analysis, because: str) -> Decision:
    told = "; ".join(f"{one.metric}: {one.sentence}" for one in analysis.findings if one.needed)
    last = known.record.step + 1 >= len(known.plan)
    there = "champion" if last else known.plan[known.record.step + 1].name
    sentence = f"from {known.step.name} to {there} {because}: {told}"
    return Decision("finish" if last else "widen", sentence, verdict(analysis))
