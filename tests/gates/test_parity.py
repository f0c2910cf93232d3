"""The golden examples through a real server."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from interlock.errors import ServerError
from interlock.gates import parity
from interlock.package import Package

from .staged import changed, make_case, version


@pytest.fixture
def package(tmp_path_factory: pytest.TempPathFactory) -> Package:
    return version(tmp_path_factory, "1.0.0")


def regolden(package: Package, place: Path, number: int, **answer: object) -> Package:
    """The package with another recorded answer to one of its golden examples."""
    golden = msgspec.json.decode((package.path / "golden.json").read_bytes())
    golden["answers"][number] |= answer
    return changed(package, place, "golden.json", msgspec.json.encode(golden))


def test_a_true_package_passes(package: Package, tmp_path: Path) -> None:
    """Every example through every door, bit for bit."""
    finding = parity.check(make_case(tmp_path, package))
    assert finding.verdict == "passed", finding.sentence
    assert "bit for bit" in finding.sentence
    assert [door["door"] for door in finding.figures["doors"]] == ["plain", "V2", "V2 binary"]
    assert {door["largest difference"] for door in finding.figures["doors"]} == {0.0}
    assert finding.figures["examples"] == len(package.golden().records)


def test_changed_answers_are_found(package: Package, tmp_path: Path) -> None:
    """Digests that fit do not help: the worst example and its door are named, with both answers."""
    chances = dict(package.golden().answers[4]["probabilities"])
    chances["high"] += 0.001
    odd = regolden(package, tmp_path / "odd", 4, probabilities=chances)
    finding = parity.check(make_case(tmp_path, odd))
    assert finding.verdict == "failed"
    assert "Example 4 through the plain door" in finding.sentence
    assert " instead of " in finding.sentence
    assert "tolerance 1e-06" in finding.sentence
    assert [door["differing"] for door in finding.figures["doors"]] == [1, 1, 1]


def test_a_changed_label_is_found(package: Package, tmp_path: Path) -> None:
    """However high the tolerance for numbers is."""
    said = package.golden().answers[0]["label"]
    other = "low" if said != "low" else "high"
    odd = regolden(package, tmp_path / "odd", 0, label=other)
    case = make_case(tmp_path, odd, policy="[gates.parity]\ntolerance = 1.0")
    finding = parity.check(case)
    assert finding.verdict == "failed"
    assert f"{said} [" in finding.sentence
    assert f"instead of {other} [" in finding.sentence
    assert finding.figures["doors"][0]["other labels"] == 1


def test_the_tolerance_is_the_policys(package: Package, tmp_path: Path) -> None:
    """What is within it passes, and the sentence says how far apart answers were."""
    chances = dict(package.golden().answers[4]["probabilities"])
    chances["high"] += 0.001
    odd = regolden(package, tmp_path / "odd", 4, probabilities=chances)
    finding = parity.check(make_case(tmp_path, odd, policy="[gates.parity]\ntolerance = 0.01"))
    assert finding.verdict == "passed"
    assert "within 0.01 (at most 0.001 apart)" in finding.sentence


def test_nothing_to_ask_decides_nothing(package: Package, tmp_path: Path) -> None:
    """A package without golden examples is neither right nor wrong."""
    empty = changed(package, tmp_path / "empty", "golden.json", b'{"records": [], "answers": []}')
    assert parity.check(make_case(tmp_path, empty)).verdict == "inconclusive"


def test_a_package_that_cannot_be_served_is_an_error(package: Package, tmp_path: Path) -> None:
    """The gate cannot look, and says what the server said."""
    broken = changed(package, tmp_path / "broken", "model.onnx", b"no graph")
    with pytest.raises(ServerError, match=r"(?s)did not start.*cannot load this graph"):
        parity.check(make_case(tmp_path, broken))
