"""Runs gates one after the other: what one of them cannot do stops none of the others."""

from __future__ import annotations

import importlib
import platform
import time
import traceback
import uuid
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeAlias

import msgspec

import interlock
from interlock.data import project
from interlock.errors import InterlockError
from interlock.evidence.verdict import Verdict, worst
from interlock.gates import integrity
from interlock.gates.case import Case
from interlock.gates.finding import Finding
from interlock.policy import Policy
from interlock.registry import Evidence, moment

Notify: TypeAlias = Callable[[str, Finding | None], None]


class Gate(NamedTuple):
    """One gate: its module, what it asks, and whether the answer depends on the champion.

    One that `meets` the champion cannot look without its package, where there is one.
    """

    module: str
    asks: str
    compares: bool
    meets: bool = False


GATES = {
    "integrity": Gate(
        "interlock.gates.integrity",
        "Are the files those that were packaged, and does loading them run no foreign code?",
        compares=False,
    ),
    "signature": Gate(
        "interlock.gates.signature",
        "Do callers of the champion stay right, or does the major version say that they do not?",
        compares=True,
    ),
    "parity": Gate(
        "interlock.gates.parity",
        "Does a real server give the recorded answers to the golden examples?",
        compares=False,
    ),
    "champion": Gate(
        "interlock.gates.champion",
        "Is it as good as the champion (or better than trivial) on the holdout?",
        compares=True,
    ),
    "floor": Gate(
        "interlock.gates.floor",
        "Does it surely clear the bounds that hold whatever the champion does?",
        compares=False,
    ),
    "slices": Gate(
        "interlock.gates.slices",
        "Does no declared part of the rows get worse?",
        compares=True,
    ),
    "calibration": Gate(
        "interlock.gates.calibration",
        "Do its probabilities mean what they say?",
        compares=False,
    ),
    "robustness": Gate(
        "interlock.gates.robustness",
        "Do missing values, noise, shifts and broken signals do little harm?",
        compares=True,
    ),
    "budget": Gate(
        "interlock.gates.budget",
        "Are size, start, memory and latency within what they may cost?",
        compares=True,
    ),
    "infra": Gate(
        "interlock.gates.infra",
        "Does the real server work from the package alone, and answer as offline scoring does?",
        compares=False,
        meets=True,  # it rehearses the rollback
    ),
}
"""Every gate, in the order in which they run."""


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """What was judged: versions and digests; no champion when nothing is live yet."""

    name: str
    version: str
    digest: str
    champion: str | None = None
    champion_digest: str | None = None


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that one run of the gates found."""

    run: str
    subject: Subject
    verdict: Verdict
    findings: tuple[Finding, ...]
    policy: str
    needs: dict[str, list[str]]
    moment: str
    environment: dict[str, str]
    format: int = 1

    def evidence(self) -> list[Evidence]:
        """The findings as the registry keeps them."""
        return [self._evidence(finding) for finding in self.findings]

    def _evidence(self, finding: Finding) -> Evidence:
        return Evidence(
            name=self.subject.name,
            version=self.subject.version,
            digest=self.subject.digest,
            champion=self.subject.champion_digest,
            compares=GATES[finding.gate].compares,
            gate=finding.gate,
            verdict=finding.verdict,
            sentence=finding.sentence,
            figures=finding.figures,
            holdout=finding.holdout,
            look=finding.look,
            alpha=finding.alpha,
            policy=self.policy,
            needs=self.needs,
            run=self.run,
        )


def run(
    case: Case,
    names: Sequence[str],
    notify: Notify = lambda _name, _finding: None,
    subject: Subject | None = None,
) -> Outcome:
    """Run the gates called `names` in their own order, on the `subject` that the case says.

    `notify` is called with a gate's name before it runs, and with its finding after it.
    """
    findings = []
    for name in (gate for gate in GATES if gate in names):
        notify(name, None)
        findings.append(_look(case, name))
        notify(name, findings[-1])
    return outcome(subject or _subject(case), findings, case.policy)


def _subject(case: Case) -> Subject:
    return Subject(
        name=case.challenger.name,
        version=case.challenger.version,
        digest=case.challenger.digest,
        champion=case.champion.version if case.champion else None,
        champion_digest=case.champion.digest if case.champion else None,
    )


def refused(subject: Subject, names: Sequence[str], policy: Policy, reason: str) -> Outcome:
    """The outcome for a package that is not the one that was registered: no gate looks at it."""
    sentence = "Not looked at: its files are not those that were packaged."
    findings = [
        Finding(gate=name, verdict="error", sentence=sentence)
        for name in GATES
        if name in names and name != integrity.GATE
    ]
    return outcome(subject, [integrity.broken(reason), *findings], policy)


def outcome(subject: Subject, findings: Sequence[Finding], policy: Policy) -> Outcome:
    """What a run found, with who, when and by which rules."""
    return Outcome(
        run=uuid.uuid4().hex,
        subject=subject,
        verdict=worst(finding.verdict for finding in findings),
        findings=tuple(findings),
        policy=policy.digest,
        needs={
            "staging": list(policy.gates.needs.staging),
            "champion": list(policy.gates.needs.champion),
        },
        moment=moment.now(),
        environment=_environment(),
    )


def _look(case: Case, name: str) -> Finding:
    start = time.perf_counter()
    if case.lost and (GATES[name].compares or GATES[name].meets):
        return Finding(gate=name, verdict="error", sentence=case.lost)
    try:
        finding = _judged(case, importlib.import_module(GATES[name].module).check(case))
    except InterlockError as error:
        finding = Finding(gate=name, verdict="error", sentence=str(error))
    except Exception as error:  # noqa: BLE001 - one gate's defect is no reason not to run the others
        finding = _defect(name, error, case)
    return msgspec.structs.replace(finding, seconds=round(time.perf_counter() - start, 3))


def _judged(case: Case, finding: Finding) -> Finding:
    """A finding about the holdout, with whose rows those are, and how many of them differ."""
    if finding.holdout is None:
        return finding
    different, rows = case.copies.different, len(case.holdout())
    origin = case.origin("holdout") | {"different": different}
    told = f" ({rows:,} rows, {different:,} different: copies count once)"
    return msgspec.structs.replace(
        finding,
        figures=finding.figures | {"holdout rows": origin},
        sentence=finding.sentence + (told if case.copies.any else ""),
    )


def _defect(name: str, error: Exception, case: Case) -> Finding:
    place = project.blame(error)
    who = "The gate itself" if place is None else f"The project's {case.policy.data.source}"
    where = f" ({place})" if place else ""
    told: dict[str, Any] = {"traceback": traceback.format_exception(error)}
    sentence = f"{who} failed: {type(error).__name__}: {error}{where}"
    return Finding(gate=name, verdict="error", sentence=sentence, figures=told)


def _environment() -> dict[str, str]:
    import numpy as np  # noqa: PLC0415 - its version only
    import onnxruntime as ort  # noqa: PLC0415 - its version only

    return {
        "interlock": interlock.__version__,
        "python": platform.python_version(),
        "onnxruntime": str(ort.__version__),
        "numpy": np.__version__,
        "platform": platform.platform(),
        "machine": f"{platform.machine()}, {platform.node() or 'unnamed'}",
    }
