"""Whether the evidence allows a promotion: findings in, objections and their wording out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal, TypeAlias

import msgspec

from interlock.errors import ConfigurationError, ConflictError, PromotionError
from interlock.registry import reconcile, succession
from interlock.registry.entry import Entry
from interlock.registry.evidence import Evidence
from interlock.registry.reference import TARGETS
from interlock.registry.rules import Rules
from interlock.registry.version import Version

Problem: TypeAlias = Literal[
    "missing", "failed", "inconclusive", "error", "outdated", "overtaken", "dropped"
]


class Objection(msgspec.Struct, frozen=True):
    """What stands in the way of a promotion: one gate, what is the matter with it, and a sentence.

    ``outdated`` was judged by another policy than the last run, ``overtaken`` against a version
    that is no longer the champion, ``dropped`` is needed by the champion's policy alone and was
    not run. `again` says whether running the gate again may give another answer.
    """

    gate: str
    problem: Problem
    sentence: str
    again: bool = True


def check_target(to: str) -> str:
    """`to` itself, when a version can be promoted to it; ConfigurationError otherwise."""
    if to not in TARGETS:
        raise ConfigurationError(f"{to!r} needs no promotion; those that do: {', '.join(TARGETS)}")
    return to


def objections(
    newest: Mapping[str, Evidence], to: str, champion: str | None, rules: Rules | None
) -> list[Objection] | None:
    """What stands in the way of the alias `to`; None when no gate was run at all.

    `newest` is the last finding of each gate, `champion` what is live now: its digest, another
    word for a version that has none, None when nothing is. Which gates it takes is what the
    policy of the last run said, and what the champion's `rules` said; one that failed while it was
    needed counts even if it is no more.
    """
    if not newest:
        return None
    last = _last(newest)
    if to not in last.needs:
        return [Objection(to, "missing", f"the policy does not say which gates {to} needs")]
    needed = _needed(last, to, rules)
    found = [_objection(gate, newest.get(gate), last, champion) for gate in needed]
    return [
        *(_named(one, to, last, rules) for one in found if one is not None),
        *_undone(newest, to, needed),
    ]


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
    rules: Rules | None,
) -> None:
    """Refuse the promotion unless the evidence allows it, by the model's history so far.

    Raises
    ------
    PromotionError
        Lists each gate that is missing, failed, inconclusive, outdated or dropped, and what to
        run; names who was first, when the champion has changed since it was compared with.
    ConflictError
        When nothing but another promotion is in the way: names who was first.
    """
    last = succession.current(entries)
    live = _live(last)
    found = objections(newest, to, live, rules)
    if found is None:
        raise PromotionError(f"no gate was run on {version}: run `{_command(version)}`")
    if not found:
        return
    late = any(_overtaken(newest[one.gate], live) for one in found if one.gate in newest)
    first = f"{_CHANGED.format(version)}: {last.told()}." if late and last is not None else ""
    if first and {one.problem for one in found} == {"overtaken"}:
        raise ConflictError(f"{first} Run the gates again: {_command(version, found)}")
    raise PromotionError(_refusal(version, to, found, first))


def because(newest: Mapping[str, Evidence], to: str, rules: Rules | None, reason: str = "") -> str:
    """Why a promotion was allowed, for the history: `reason`, or the gates that it passed.

    Says so when it was judged by another policy than the champion.
    """
    last = _last(newest)
    gates = ", ".join(_needed(last, to, rules))
    said = reason or (f"passed {gates}" if gates else "the policy asks for no gate")
    if rules is None or rules.policy == last.policy:
        return said
    return f"{said} (under another policy than {rules.version}'s)"


def _last(newest: Mapping[str, Evidence]) -> Evidence:
    return max(newest.values(), key=lambda one: one.sequence)


def _needed(last: Evidence, to: str, rules: Rules | None) -> list[str]:
    """What the policy of the last run needs, then what only the champion's needed."""
    return list(dict.fromkeys([*last.needs[to], *(rules.needs.get(to, ()) if rules else ())]))


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
    overtaken = _overtaken(found, champion)
    if found.verdict != "passed" and not _even(found, champion):
        again = overtaken or found.verdict == "error"
        return Objection(gate, found.verdict, found.sentence, again=again)
    if overtaken:
        return Objection(gate, "overtaken", "the champion has changed since: run it again")
    return None


def _overtaken(found: Evidence, champion: str | None) -> bool:
    """Whether it was compared with what is champion no more; nobody overtakes themselves."""
    return found.compares and champion not in (found.champion, found.digest)


def _even(found: Evidence, champion: str | None) -> bool:
    """Whether it is the champion, compared with itself: it cannot be told to be better."""
    itself = found.champion == found.digest == champion
    return found.compares and itself and found.verdict == "inconclusive"


def _named(found: Objection, to: str, last: Evidence, rules: Rules | None) -> Objection:
    """`found`, but a missing gate that only the champion's policy needs is called dropped."""
    if rules is None or found.problem != "missing" or found.gate in last.needs[to]:
        return found
    sentence = (
        f"{rules.of(found.gate)} became champion under a policy that needs it;"
        " this one does not: run it, or --force"
    )
    return Objection(found.gate, "dropped", sentence)


def _undone(newest: Mapping[str, Evidence], to: str, needed: Sequence[str]) -> Iterator[Objection]:
    """A laxer policy does not undo what a gate has found while it was needed."""
    for gate, one in newest.items():
        if gate not in needed and gate in one.needs.get(to, ()) and one.verdict == "failed":
            yield Objection(gate, "failed", one.sentence, again=False)


def _refusal(version: Version, to: str, found: Sequence[Objection], first: str) -> str:
    lines = [f"  {one.gate}: {_PHRASES[one.problem]}; {one.sentence}" for one in found]
    again = [one for one in found if one.again]
    advice = [f"Run: {_command(version, again)}"] if again else []
    force = f"interlock model promote {version.name} {version.version} --to {to} --force --reason …"
    return "\n".join(
        [
            f"{version} cannot become {to}:",
            *lines,
            *([first[0].upper() + first[1:]] if first else []),
            *advice,
            f"A person may decide otherwise, for ever on record: {force}",
        ]
    )


_CHANGED = "the champion has changed since {} was compared with it"
_PHRASES: dict[Problem, str] = {
    "missing": "missing",
    "failed": "failed",
    "inconclusive": "inconclusive",
    "error": "could not look",
    "outdated": "outdated",
    "overtaken": "outdated",
    "dropped": "dropped",
}


def _command(version: Version, found: Sequence[Objection] = ()) -> str:
    gates = "".join(f" --gate {one.gate}" for one in found)
    return f"interlock gate run {version.name} {version.version}{gates}"
