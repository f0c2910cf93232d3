"""`calibration`: probabilities against what was right."""

from __future__ import annotations

import pytest

from interlock.gates import calibration
from interlock.gates.finding import Reliability
from tests.gates.conftest import MakeCase


@pytest.mark.parametrize(("limit", "verdict"), [(0.2, "passed"), (0.001, "failed")])
def test_the_error_is_held_against_the_limit(
    make_case: MakeCase, limit: float, verdict: str
) -> None:
    """By its interval; the diagram shows the champion too."""
    finding = calibration.check(
        make_case("1.0.0", "1.0.1", f"[gates.calibration]\nlimit = {limit}\n")
    )
    assert finding.verdict == verdict, finding.sentence
    assert [row["model"] for row in finding.figures["calibration"]] == ["challenger", "champion"]
    diagram = finding.plots[1]
    assert isinstance(diagram, Reliability)
    assert [sum(curve.rows) for curve in diagram.curves] == [400, 400]


def test_a_wrong_scaler_shows_in_its_probabilities(make_case: MakeCase) -> None:
    """Inputs twenty times too large make it sure of everything."""
    rules = "[gates.calibration]\nlimit = 0.12\n"
    assert calibration.check(make_case("1.0.0", more=rules)).verdict == "passed"
    assert calibration.check(make_case("1.0.3", more=rules)).verdict == "failed"
