"""`signature`: whoever calls the champion can call the challenger, or the major version went up."""

from __future__ import annotations

from interlock.gates.case import Case
from interlock.gates.finding import Finding
from interlock.package import Package, semver
from interlock.package.semver import Change, Level

GATE = "signature"


def check(case: Case) -> Finding:
    """Compare the signatures of challenger and champion."""
    if case.champion is None:
        sentence = "Nothing is live yet, so there is nothing to be compatible with."
        return Finding(gate=GATE, verdict="passed", sentence=sentence)
    found = list(semver.changes(case.champion.signature, case.challenger.signature))
    breaking = [change.words for change in found if change.level == Level.MAJOR]
    failed = bool(breaking) and not _major(case.champion, case.challenger)
    return Finding(
        gate=GATE,
        verdict="failed" if failed else "passed",
        sentence=_sentence(case.champion, case.challenger, found, breaking),
        figures={
            "champion": case.champion.version,
            "challenger": case.challenger.version,
            "changes": [{"change": one.words, "asks for": one.level.word} for one in found],
        },
    )


def _major(champion: Package, challenger: Package) -> bool:
    return semver.parse(challenger.version)[0] > semver.parse(champion.version)[0]


def _sentence(
    champion: Package, challenger: Package, found: list[Change], breaking: list[str]
) -> str:
    step = f"{champion.version} to {challenger.version}"
    if not found:
        return f"Same inputs and output as the champion, {champion.version}."
    if not breaking:
        changes = "; ".join(change.words for change in found[:3])
        return f"Requests to {champion.version} stay valid, and so do its answers: {changes}."
    more = f" (and {len(breaking) - 1} more)" if len(breaking) > 1 else ""
    if _major(champion, challenger):
        return f"Not compatible, and {step} is a major version that says so: {breaking[0]}{more}."
    return f"Callers would break, but {step} is no major version: {breaking[0]}{more}."
