"""`robustness`: a sound model holds, a fragile one and one with a wrong scaler do not."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from interlock.gates import robustness
from interlock.package import Package
from tests.gates.conftest import MakeCase, Project, resealed, save, signals

RULES = '[metrics]\nprimary = "accuracy"\n[gates.robustness]\nworse = 0.1\n'


def test_a_sound_model_holds(make_case: MakeCase) -> None:
    """Against itself undisturbed, and against a champion disturbed alike."""
    finding = robustness.check(make_case("1.0.1", "1.0.0", RULES + "drop = 0.01\n"))
    assert finding.verdict == "passed", finding.sentence
    rows = {row["disturbance"]: row for row in finding.figures["disturbances"]}
    assert set(rows) >= {"undisturbed", "noise", "flat line", "wander"}
    assert len(finding.plots) == 2


def test_what_may_be_missing_goes_missing(make_case: MakeCase, records: Project) -> None:
    """Records with nullable inputs meet missing values."""
    rules = RULES + "missing = 0.2\nloss = 0.2\n"
    finding = robustness.check(make_case("1.0.0", more=rules, project=records))
    assert finding.verdict == "passed", finding.sentence
    assert "missing" in {row["disturbance"] for row in finding.figures["disturbances"]}


def test_a_fragile_model_fails_by_the_disturbance(make_case: MakeCase) -> None:
    """A shift by five deviations is more than a linear model bears."""
    finding = robustness.check(make_case("1.0.0", more=RULES + "shift = 5.0\n"))
    assert finding.verdict == "failed"
    assert "Shift" in finding.sentence


def test_a_version_is_as_good_as_itself(make_case: MakeCase, tmp_path: Path) -> None:
    """Against the champion that it is, also by rows that would be too few to show it of another."""
    few = {name: values[400:430] for name, values in signals().items()}
    few["beat"] = few["beat"] + np.float32(0.25)
    save(tmp_path / "few.npz", few)
    verdicts = []
    for version in ("1.0.1", "1.0.0"):
        case = make_case(version, "1.0.0", RULES, holdout_file=tmp_path / "few.npz")
        rows = robustness.check(case).figures["disturbances"]
        verdicts.append(next(row for row in rows if row["disturbance"] == "undisturbed")["verdict"])
    assert verdicts == ["inconclusive", "passed"]


@pytest.mark.parametrize("champion", [None, "1.0.0"])
def test_a_wrong_scaler_is_betrayed(make_case: MakeCase, champion: str | None) -> None:
    """The training rows show it; no champion needed."""
    finding = robustness.check(make_case("1.0.3", champion, RULES))
    assert finding.verdict == "failed"
    assert "Its preprocessing is not that of its training rows" in finding.sentence
    assert len(finding.figures["suspicions"]) > 1  # it answers better with smaller inputs, too


def test_a_model_that_recorded_more_than_it_shows_fails(make_case: MakeCase, copied: Path) -> None:
    """What training wrote down and what the graph answers are of two models."""
    manifest = (copied / "manifest.json").read_text()
    metrics = '"metrics": {"test": {"accuracy": 0.99}},\n  "format"'
    assert '"metrics"' not in manifest
    (copied / "manifest.json").write_text(manifest.replace('"format"', metrics, 1))
    finding = robustness.check(make_case(resealed(copied), more=RULES))
    assert finding.verdict == "failed"
    assert "0.9900 on the test rows" in finding.sentence


def spoiled(root: Path) -> Package:
    """The package at `root`, its probabilities divided by zero when an input is over 9."""
    model = onnx.load(str(root / "model.onnx"))
    graph = model.graph
    last = next(node for node in graph.node if "probabilities" in node.output)
    last.output[list(last.output).index("probabilities")] = "sound"
    for name, value in (("nine", 9.0), ("zero", 0.0)):
        graph.initializer.append(numpy_helper.from_array(np.array(value, np.float32), name))
    top: dict[str, Any] = {"axes": [1], "keepdims": 1}
    graph.node.extend(
        [
            helper.make_node("ReduceMax", ["beat"], ["most"], **top),
            helper.make_node("Sub", ["nine", "most"], ["room"]),
            helper.make_node("Max", ["room", "zero"], ["left"]),
            helper.make_node("Div", ["left", "left"], ["one"]),
            helper.make_node("Mul", ["sound", "one"], ["probabilities"]),
        ]
    )
    (root / "model.onnx").write_bytes(model.SerializeToString())
    return resealed(root)


def test_answers_that_are_no_numbers_fail(make_case: MakeCase, copied: Path) -> None:
    """Undisturbed they were, disturbed they are not: the sentence says so."""
    package = spoiled(copied)
    finding = robustness.check(make_case(package, more=RULES))
    assert finding.verdict == "failed"
    assert "are not finite" in finding.sentence


def test_the_same_run_gives_the_same_figures(make_case: MakeCase, tmp_path: Path) -> None:
    """Disturbances are drawn from the policy's seed, whatever the folder."""
    first = robustness.check(make_case("1.0.1", "1.0.0", RULES))
    shutil.rmtree(tmp_path / "scratch")
    assert robustness.check(make_case("1.0.1", "1.0.0", RULES)) == first
