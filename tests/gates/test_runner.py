"""The runner: one gate's trouble is not another's."""

from __future__ import annotations

from pathlib import Path

import pytest

from interlock import policy as policies
from interlock.gates import runner
from interlock.gates.case import Case
from interlock.gates.finding import Finding
from tests.gates.conftest import MakeCase, Project


def test_every_gate_of_the_policy_has_a_module_and_a_question() -> None:
    """In the order in which the policy lists them."""
    assert tuple(runner.GATES) == policies.GATES
    assert all(gate.asks.endswith("?") for gate in runner.GATES.values())


def test_gates_run_in_their_own_order_and_tell_when(make_case: MakeCase) -> None:
    """Whatever order they are named in."""
    heard: list[tuple[str, bool]] = []
    outcome = runner.run(
        make_case("1.0.1", "1.0.0"),
        ["floor", "signature"],
        lambda name, finding: heard.append((name, finding is not None)),
    )
    assert [one.gate for one in outcome.findings] == ["signature", "floor"]
    assert heard == [("signature", False), ("signature", True), ("floor", False), ("floor", True)]
    assert outcome.verdict == "passed"


def test_what_a_gate_cannot_do_stops_no_other(make_case: MakeCase, waves: Project) -> None:
    """Ours by its message alone."""
    bare = waves._replace(text='[model]\nname = "waves"\n')
    outcome = runner.run(make_case("1.0.0", project=bare), ["champion", "signature"])
    signature, champion = outcome.findings
    assert (signature.verdict, champion.verdict, outcome.verdict) == ("passed", "error", "error")
    assert champion.sentence.startswith("there are no holdout rows")


def test_a_defect_of_a_gate_is_told_with_its_type(
    make_case: MakeCase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And its traceback is in the figures, for whoever mends it."""

    def check(case: Case) -> Finding:
        raise ZeroDivisionError("no rows at all")

    monkeypatch.setattr("interlock.gates.floor.check", check)
    outcome = runner.run(make_case("1.0.0"), ["floor", "signature"])
    (floor,) = [one for one in outcome.findings if one.gate == "floor"]
    assert floor.verdict == "error"
    assert floor.sentence == "The gate itself failed: ZeroDivisionError: no rows at all"
    assert len(outcome.findings) == 2


def test_a_defect_of_the_project_is_laid_at_the_project(
    make_case: MakeCase, waves: Project, tmp_path: Path
) -> None:
    """With its own type and message, and the line of its file; the traceback is in the figures."""
    text = waves.text.replace('"waves.npz"', '"rows:load"')
    (tmp_path / "rows.py").write_text("def load():\n    return {}['beats']\n")
    case = make_case("1.0.0", project=waves._replace(text=text, folder=tmp_path))
    (found,) = runner.run(case, ["champion"]).findings
    assert found.verdict == "error"
    assert found.sentence == "The project's rows:load failed: KeyError: 'beats' (rows.py, line 2)"
    assert "Traceback" in found.figures["traceback"][0]


def test_the_outcome_says_who_and_by_what(make_case: MakeCase) -> None:
    """Digests of both packages and of the policy go into every line of evidence."""
    case = make_case("1.0.1", "1.0.0")
    outcome = runner.run(case, ["signature", "floor"])
    signature, floor = outcome.evidence()
    assert case.champion is not None
    assert (signature.digest, signature.champion) == (case.challenger.digest, case.champion.digest)
    assert signature.policy == case.policy.digest
    assert (signature.compares, floor.compares) == (True, False)
    assert "infra" in signature.needs["champion"]
    assert signature.run == floor.run != ""


def test_a_broken_package_is_seen_by_no_other_gate(waves: Project) -> None:
    """Integrity fails, and nothing is said of the rest."""
    subject = runner.Subject(name="waves", version="1.0.0", digest="sha256:0")
    outcome = runner.refused(subject, ["champion", "integrity"], waves.policy(), "x was changed")
    assert [one.verdict for one in outcome.findings] == ["failed", "error"]
    assert outcome.verdict == "failed"
    assert "x was changed" in outcome.findings[0].sentence
