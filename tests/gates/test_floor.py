"""`floor`: bounds cleared by the limit of the interval, not by the figure."""

from __future__ import annotations

import pytest

from interlock.errors import EvidenceError
from interlock.gates import floor
from tests.gates.conftest import MakeCase


def rules(bounds: str) -> str:
    """A policy with these bounds."""
    return f"[gates.floor]\nbounds = {{ {bounds} }}\n"


def test_no_bounds_are_none_to_miss(make_case: MakeCase) -> None:
    """And cost no look."""
    finding = floor.check(make_case())
    assert (finding.verdict, finding.look) == ("passed", None)


@pytest.mark.parametrize(
    ("bound", "verdict"),
    [
        ("accuracy = 0.6", "passed"),
        ("accuracy = 0.99", "failed"),
        ("log_loss = 0.68", "passed"),
        ("log_loss = 0.1", "failed"),
    ],
)
def test_the_limit_decides_whichever_way_is_better(
    make_case: MakeCase, bound: str, verdict: str
) -> None:
    """Lower bounds for what should be high, upper ones for what should be low."""
    finding = floor.check(make_case("1.0.0", more=rules(bound)))
    assert finding.verdict == verdict, finding.sentence


def test_a_figure_on_the_right_side_is_not_enough(make_case: MakeCase) -> None:
    """The bound lies between the lower limit and the figure."""
    found = floor.check(make_case("1.0.0", more=rules("accuracy = 0.6"))).figures["bounds"][0]
    between = (found["low"] + found["figure"]) / 2
    finding = floor.check(make_case("1.0.0", more=rules(f"accuracy = {between}")))
    assert finding.verdict == "inconclusive"
    assert finding.look == 2


def test_one_bound_missed_is_all_missed(make_case: MakeCase) -> None:
    """The sentence is about the one that was."""
    both = rules('accuracy = 0.6, "recall:wild" = 0.99')
    finding = floor.check(make_case("1.0.0", more=both))
    assert finding.verdict == "failed"
    assert finding.sentence.startswith("recall:wild")
    assert len(finding.plots) == 2


def test_a_bound_of_an_unknown_class_is_refused(make_case: MakeCase) -> None:
    """By name, before a look is paid for."""
    with pytest.raises(EvidenceError, match="recall:mild"):
        floor.check(make_case(more=rules('"recall:mild" = 0.5')))
