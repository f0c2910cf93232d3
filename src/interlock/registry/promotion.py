"""Whether the evidence allows a promotion: findings in, objections and their wording out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, TypeAlias

import msgspec

from interlock.errors import ConfigurationError, ConflictError, PromotionError
from interlock.registry import reconcile, succession
from interlock.registry.entry import Entry
from interlock.registry.evidence import Evidence
from interlock.registry.version import Version

TARGETS = ("staging", "champion")
"""Aliases that need evidence."""

Problem: TypeAlias = Literal["missing", "failed", "inconclusive", "error", "outdated", "overtaken"]


class Objection(msgspec.Struct, frozen=True):
    """What stands in the way of a promotion: one gate, what is the matter with it, and a sentence.

    ``outdated`` was judged by another policy than the last run, ``overtaken`` against a version
    that is no longer the champion.
    """

    gate: str
    problem: Problem
    sentence: str


def check_target(to: str) -> str:
    """`to` itself, when a version can be promoted to it; ConfigurationError otherwise."""
    if to not in TARGETS:
        raise ConfigurationError(f"{to!r} needs no promotion; those that do: {', '.join(TARGETS)}")
    return to


def objections(
    newest: Mapping[str, Evidence], to: str, champion: str | None
) -> list[Objection] | None:
    """What stands in the way of the alias `to`; None when no gate was run at all.

    `newest` is the last finding of each gate, `champion` what is live now: its digest, another
    word for a version that has none, None when nothing is. Which gates it takes is what the
    policy of the last run said; one that failed while it was needed counts even if it is no more.
    """
    if not newest:
        return None
    last = max(newest.values(), key=lambda one: one.sequence)
    if to not in last.needs:
        return [Objection(to, "missing", f"the policy does not say which gates {to} needs")]
    needed = last.needs[to]
    found = [_objection(gate, newest.get(gate), last, champion) for gate in needed]
    # A laxer policy does not undo what a gate has found while it was needed.
    undone = [
        Objection(gate, "failed", one.sentence)
        for gate, one in newest.items()
        if gate not in needed and gate in one.needs.get(to, ()) and one.verdict == "failed"
    ]
    return [*(objection for objection in found if objection is not None), *undone]


def check_not_there(version: Version, to: str, entries: Sequence[Entry]) -> None:
    """Refuse to promote a version to where it is; ConflictError names who put it there."""
    there = reconcile.standing(entries).get(to)
    if there is not None and there.number == version.number:
        raise ConflictError(f"{version} is {to} already: {there.told()}")


def demand(
    version: Version,
    to: str,
    newest: Mapping[str, Evidence],
    entries: Sequence[Entry],
) -> None:
    """Refuse the promotion unless the evidence allows it, by the model's history so far.

    Raises
    ------
    PromotionError
        Lists each gate that is missing, failed, inconclusive or outdated, and what to run.
    ConflictError
        When nothing but another promotion is in the way: names who was first.
    """
    last = succession.current(entries)
    found = objections(newest, to, _live(last))
    if found is None:
        raise PromotionError(f"no gate was run on {version}: run `{_command(version)}`")
    if not found:
        return
    if last is not None and {one.problem for one in found} == {"overtaken"}:
        raise ConflictError(
            f"the champion has changed since {version} was compared with it: {last.told()}."
            f" Run the gates again: {_command(version, found)}"
        )
    raise PromotionError(_refusal(version, to, found))


def because(newest: Mapping[str, Evidence], to: str) -> str:
    """Why a promotion was allowed, for a history that was given no other reason."""
    last = max(newest.values(), key=lambda one: one.sequence)
    return (
        f"passed {', '.join(last.needs[to])}" if last.needs[to] else "the policy asks for no gate"
    )


def _live(last: Entry | None) -> str | None:
    """What evidence has to have been compared with: the digest of what is champion now."""
    if last is None or last.number is None:
        return None
    return last.digest or f"MLflow version {last.number}"


def _objection(
    gate: str, found: Evidence | None, last: Evidence, champion: str | None
) -> Objection | None:
    if found is None:
        return Objection(gate, "missing", "it was not run")
    if found.policy != last.policy:
        return Objection(gate, "outdated", "the policy has changed since: run it again")
    if found.verdict != "passed":
        return Objection(gate, found.verdict, found.sentence)
    if found.compares and found.champion != champion:
        return Objection(gate, "overtaken", "the champion has changed since: run it again")
    return None


def _refusal(version: Version, to: str, found: Sequence[Objection]) -> str:
    lines = [f"  {one.gate}: {_PHRASES[one.problem]}{one.sentence}" for one in found]
    again = [one for one in found if one.problem not in ("failed", "inconclusive")]
    advice = [f"Run: {_command(version, again)}"] if again else []
    force = f"interlock model promote {version.name} {version.version} --to {to} --force --reason …"
    return "\n".join(
        [
            f"{version} cannot become {to}:",
            *lines,
            *advice,
            f"A person may decide otherwise, for ever on record: {force}",
        ]
    )


_PHRASES: dict[Problem, str] = {
    "missing": "missing; ",
    "failed": "failed; ",
    "inconclusive": "inconclusive; ",
    "error": "could not look; ",
    "outdated": "outdated; ",
    "overtaken": "outdated; ",
}


def _command(version: Version, found: Sequence[Objection] = ()) -> str:
    gates = "".join(f" --gate {one.gate}" for one in found)
    return f"interlock gate run {version.name} {version.version}{gates}"
