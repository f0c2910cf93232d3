"""The report: a page that needs nothing from elsewhere, and the same as JSON."""

from __future__ import annotations

import json
import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from interlock.gates import plots, report, runner
from interlock.gates.finding import (
    Bars,
    Curve,
    Finding,
    Interval,
    Intervals,
    Lines,
    Plot,
    Reliability,
    Series,
)
from interlock.gates.runner import Outcome
from interlock.policy import Policy, parse
from interlock.registry.looks import Spent

NASTY = '<script>alert("$x$")</script>'
PLOTS: tuple[Plot, ...] = (
    Intervals(
        title="intervals",
        axis="difference",
        intervals=(
            Interval(label=NASTY, point=0.1, low=-0.1, high=0.2, verdict="passed"),
            Interval(label="unknown", point=None, low=None, high=None),
        ),
        lines={"equal": 0.0, "margin": -0.05},
    ),
    Lines(
        title="lines",
        x_axis="seconds",
        y_axis="bytes",
        series=(Series(name="memory", x=(0, 1), y=(1, 2)),),
        level=3,
    ),
    Bars(
        title="bars",
        axis="ms",
        labels=("p50", "p99"),
        series={"challenger": (1.0, None), "champion": (2.0, 3.0)},
        limits=(4.0, None),
    ),
    Reliability(
        title="reliability",
        curves=(Curve(name="challenger", confidence=(0.5,), share=(0.4,), rows=(10,)),),
    ),
)
POLICY = parse('[model]\nname = "ecg"')
DIGEST = "sha256:" + "a" * 64


def outcome(*findings: Finding, policy: Policy = POLICY) -> Outcome:
    """An outcome with these findings."""
    subject = runner.Subject(name="ecg", version="1.1.0", digest=DIGEST)
    return runner.outcome(subject, findings, policy)


FINDING = Finding(
    gate="champion",
    verdict="inconclusive",
    sentence=f"Nobody knows {NASTY}.",
    figures={
        "difference": 0.123456,
        "nothing": None,
        "undefined": float("nan"),
        "rows": [{"slice": "a", "verdict": "passed"}, {"slice": "b", "low": 0.5}],
    },
    plots=PLOTS,
    look=2,
    alpha=0.0076,
    holdout=DIGEST,
)
SPENT = {DIGEST: [Spent(holdout=DIGEST, gate="champion", looks=2, alpha=0.05, left=0.012)]}


@pytest.mark.parametrize("plot", PLOTS, ids=lambda plot: plot.title)
def test_plots_are_svg_with_text_that_can_be_read(plot: Plot) -> None:
    """Well-formed, without script, and the same for the same data."""
    drawn = plots.svg(plot)
    tree = ET.fromstring(drawn)
    assert tree.tag.endswith("svg")
    assert not any(element.tag.endswith("script") for element in tree.iter())
    assert drawn == plots.svg(plot)
    words = "".join(tree.itertext())
    assert (NASTY in words) == (plot.title == "intervals")


def test_the_page_opens_with_the_verdict_and_needs_nothing_else() -> None:
    """No script, no address outside, and words of others are only words."""
    page = report.page(outcome(FINDING), POLICY, SPENT)
    assert re.search(r"<h1>ecg 1\.1\.0: inconclusive</h1>", page)
    assert "<script" not in page
    assert not re.search(r'(src|href)="(?!#)', page.replace('xlink:href="#', ""))
    assert page.count("<svg") == len(PLOTS)
    assert "0.1235" in page
    assert "look 2 of this gate" in page
    assert "0.012" in page


def test_a_column_of_numbers_is_one_from_its_head_down() -> None:
    """Also where the first row has none; what is not known takes no line of its own."""
    page = report.page(outcome(FINDING), POLICY, {})
    assert '<th class="number">low</th>' in page
    assert '<td class="number">–</td>' in page
    assert "<th>slice</th>" in page
    assert "<dt>nothing</dt>" not in page


def test_the_page_lists_every_gate_first(tmp_path: Path) -> None:
    """Verdict and sentence of each, then the details."""
    passed = Finding(gate="signature", verdict="passed", sentence="Same inputs and output.")
    page = report.page(outcome(passed, FINDING), POLICY, {})
    table = page[: page.index("<section")]
    assert table.index("signature") < table.index("champion")
    assert "Same inputs and output." in table
    assert "What is left of the holdout" not in page


def test_the_json_holds_all_of_it(tmp_path: Path) -> None:
    """NaN is null, as JSON has it not."""
    found = outcome(FINDING)
    assert report.write(found, POLICY, SPENT, tmp_path / "new") == tmp_path / "new" / "report.html"
    document = json.loads((tmp_path / "new" / "report.json").read_text())
    assert document["verdict"] == "inconclusive"
    assert document["findings"][0]["figures"]["undefined"] is None
    assert document["findings"][0]["plots"][0]["type"] == "intervals"
    assert document["holdouts"][DIGEST][0]["left"] == 0.012
    assert document["subject"]["digest"] == DIGEST
    assert set(document["environment"]) >= {"python", "onnxruntime", "platform"}
