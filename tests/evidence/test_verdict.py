"""Verdicts and which of several holds."""

from __future__ import annotations

from itertools import permutations

from interlock.evidence.verdict import BY_WEIGHT, worst


def test_the_heaviest_verdict_holds_in_any_order() -> None:
    """One failure among any number of passes is a failure."""
    assert {worst(order) for order in permutations(BY_WEIGHT)} == {"failed"}
    assert worst(["passed", "error", "inconclusive"]) == "error"
    assert worst(["inconclusive", "passed"]) == "inconclusive"
    assert worst(["passed", "passed"]) == "passed"


def test_no_verdict_is_no_pass() -> None:
    """Where nothing was looked at, nothing is known."""
    assert worst([]) == "inconclusive"
