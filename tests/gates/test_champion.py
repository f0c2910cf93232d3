"""`champion`: better, equal and worse challengers, and the trivial baseline."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np

from interlock.gates import champion, runner
from interlock.gates.finding import Finding
from tests.gates.conftest import MakeCase, Project, save, signals

ACCURACY = '[metrics]\nprimary = "accuracy"\n'


def test_without_a_champion_the_trivial_baseline_is_to_beat(make_case: MakeCase) -> None:
    """The sentence says what the baseline answers."""
    finding = champion.check(make_case("1.0.0", more=ACCURACY))
    assert finding.verdict == "passed", finding.sentence
    assert 'the trivial baseline (always "calm"' in finding.sentence
    assert (finding.look, finding.figures["champion"]) == (1, 0.5)


def test_a_poor_challenger_fails(make_case: MakeCase) -> None:
    """Sixteen rows of training are not enough, and the interval says so."""
    finding = champion.check(make_case("1.0.2", "1.0.0", ACCURACY))
    assert finding.verdict == "failed"
    assert "Against the champion, 1.0.0" in finding.sentence
    assert finding.figures["p_value"] < 0.001


def test_an_equal_challenger_passes_only_with_a_margin(make_case: MakeCase) -> None:
    """Equal is not better; it is surely not much worse."""
    assert champion.check(make_case("1.0.1", "1.0.0", ACCURACY)).verdict == "inconclusive"
    margin = ACCURACY + "[gates.champion]\nmargin = 0.05\n"
    assert champion.check(make_case("1.0.1", "1.0.0", margin)).verdict == "passed"


def test_the_same_test_gives_the_same_figures(make_case: MakeCase) -> None:
    """No second look, no other numbers."""
    first = champion.check(make_case("1.0.1", "1.0.0"))
    again = champion.check(make_case("1.0.1", "1.0.0"))
    assert again == first


def test_the_policys_metric_decides_and_others_are_shown(make_case: MakeCase) -> None:
    """Lower is better for log loss, and the difference is turned so that higher is."""
    rules = '[metrics]\nalso = ["recall:wild"]\n[gates.champion]\nmetric = "log_loss"\n'
    finding = champion.check(make_case("1.0.2", "1.0.0", rules))
    assert finding.figures["metric"] == "log_loss"
    assert finding.figures["difference"] < 0
    others = [row["metric"] for row in finding.figures["other metrics"]]
    assert others[0] == "recall:wild"
    assert "f1_macro" in others
    assert "log_loss" not in others
    msgspec.json.encode(finding)


def test_rows_of_a_group_are_drawn_together(
    make_case: MakeCase, waves: Project, tmp_path: Path
) -> None:
    """Three groups are too few to decide anything, however many rows they have."""
    rules = ACCURACY + "[gates.champion]\nmargin = 0.3\n"
    fresh = {name: values[:300] for name, values in signals().items()}
    save(tmp_path / "fresh.npz", fresh)
    data = '[data]\ndrop = ["age"]\n'
    for key, verdict in (('drop = ["site", "age"]', "passed"), ('group = "site"', "inconclusive")):
        text = f'[model]\nname = "waves"\n{data if "group" in key else "[data]"}\n{key}\n'
        case = make_case(
            "1.0.1",
            "1.0.0",
            rules,
            project=waves._replace(text=text),
            holdout_file=tmp_path / "fresh.npz",
        )
        assert champion.check(case).verdict == verdict


def test_copies_of_rows_are_no_more_evidence(
    make_case: MakeCase, waves: Project, tmp_path: Path
) -> None:
    """Sixty signals twenty times over are sixty: the limits stay where they are, and it is said."""
    known = {name: values[400:460] for name, values in signals().items()}
    known["beat"] = known["beat"] + np.float32(0.25)
    save(tmp_path / "few.npz", known)
    copied = {name: np.concatenate([values] * 20) for name, values in known.items()}
    save(tmp_path / "many.npz", copied | {"age": np.arange(1200)})
    alone = waves._replace(text='[model]\nname = "waves"\n[data]\ndrop = ["site", "age"]\n')
    rules = ACCURACY + "[gates.champion]\nmargin = 0.1\n[gates.floor]\nbounds = {accuracy = 0.7}\n"

    def found(file: str) -> list[Finding]:
        case = make_case("1.0.1", "1.0.0", rules, project=alone, holdout_file=tmp_path / file)
        return list(runner.run(case, ["champion", "floor"]).findings)

    few, many = found("few.npz"), found("many.npz")
    assert [one.verdict for one in many] == [one.verdict for one in few]
    for one in many:
        assert one.sentence.endswith(" (1,200 rows, 60 different: copies count once)")
        assert one.figures["holdout rows"]["different"] == 60
    low, copied_low = (one[0].figures["low"] for one in (few, many))
    assert copied_low <= 0.8 * low < 0
