"""`signature`: what is live decides what may change."""

from __future__ import annotations

import pytest

from interlock.gates import signature
from tests.gates.conftest import MakeCase


@pytest.mark.parametrize(
    ("challenger", "champion", "verdict", "said"),
    [
        ("1.0.1", None, "passed", "Nothing is live yet"),
        ("1.0.1", "1.0.0", "passed", "Same inputs and output"),
        ("1.1.0", "1.0.0", "failed", "no major version: input beat has a narrower range"),
        ("2.0.0", "1.0.0", "passed", "is a major version that says so"),
        ("1.0.1", "1.1.0", "passed", "stay valid"),
    ],
)
def test_a_break_needs_a_major_version(
    make_case: MakeCase, challenger: str, champion: str | None, verdict: str, said: str
) -> None:
    """Narrower breaks callers, wider does not, and nothing live can be broken."""
    finding = signature.check(make_case(challenger, champion))
    assert finding.verdict == verdict
    assert said in finding.sentence


def test_changes_are_listed_with_what_they_ask_for(make_case: MakeCase) -> None:
    """The report shows each of them."""
    finding = signature.check(make_case("1.1.0", "1.0.0"))
    assert finding.figures["changes"][0]["asks for"] == "major"
