"""`slices`: which there are, which are judged, and what one bad one does."""

from __future__ import annotations

import numpy as np
import pytest

from interlock.data.rows import Array, Rows
from interlock.errors import ConfigurationError
from interlock.gates import slices
from interlock.gates.contest import Contest
from interlock.gates.finding import Intervals
from tests.gates.conftest import MakeCase


def rows(**columns: Array) -> Rows:
    """Rows with these columns."""
    size = len(next(iter(columns.values())))
    return Rows(
        features={"x": np.zeros((size, 1))},
        truth=np.zeros(size),
        index=np.arange(size),
        columns=columns,
    )


def named(found: Rows, column: str) -> dict[str, int]:
    """Rows of each slice."""
    return {one.name: int(one.where.sum()) for one in slices.of_column(found, column)}


def test_every_value_is_a_slice_and_missing_is_one_too() -> None:
    """Words and few numbers by value."""
    words = np.array(["b", "a", None, "a", ""], object)
    assert named(rows(site=words), "site") == {"site: a": 2, "site: b": 1, "site: missing": 2}
    few = np.array([1.0, 2.0, np.nan, 1.0])
    assert named(rows(sex=few), "sex") == {"sex: 1.0": 2, "sex: 2.0": 1, "sex: missing": 1}
    yes = np.array([True, False, True])
    assert named(rows(smoker=yes), "smoker") == {"smoker: False": 1, "smoker: True": 2}


def test_many_numbers_are_cut_at_their_quartiles() -> None:
    """Every row is in exactly one."""
    found = named(rows(age=np.arange(100)), "age")
    assert next(iter(found)) == "age: from 0 to 24"
    assert sum(found.values()) == 100
    assert max(found.values()) - min(found.values()) <= 1


def test_numbers_with_ties_at_a_quartile_make_fewer_slices() -> None:
    """No slice is empty."""
    skewed = np.concatenate([np.zeros(80), np.arange(1, 21)])
    found = named(rows(dose=skewed), "dose")
    assert all(found.values())
    assert sum(found.values()) == 100


def test_no_declared_column_passes_without_a_look(make_case: MakeCase) -> None:
    """And says that there is none."""
    finding = slices.check(make_case("1.0.0", "1.0.1"))
    assert (finding.verdict, finding.look) == ("passed", None)


RULES = '[gates.slices]\ncolumns = ["site", "age", "label"]\nmargin = 0.15\n'


def test_an_equal_challenger_is_worse_nowhere(make_case: MakeCase) -> None:
    """Small slices are listed, and say why they are not judged."""
    finding = slices.check(make_case("1.0.1", "1.0.0", RULES))
    assert finding.verdict == "passed", finding.sentence
    listed = {row["slice"]: row["verdict"] for row in finding.figures["slices"]}
    assert listed["site: west"] == "not judged: fewer than 30 different rows"
    assert listed["label: wild"] == "passed"
    assert "(1 not judged)" in finding.sentence


def test_a_poor_challenger_fails_where_it_is_poor(make_case: MakeCase) -> None:
    """The sentence names the worst slice, with its interval."""
    finding = slices.check(make_case("1.0.2", "1.0.0", RULES.replace("0.15", "0.01")))
    assert finding.verdict == "failed"
    assert "most in " in finding.sentence
    (forest,) = finding.plots
    assert isinstance(forest, Intervals)
    assert {one.label for one in forest.intervals} >= {"site: north"}


def test_one_failure_has_to_be_sure_for_their_number(make_case: MakeCase) -> None:
    """A slice that fails alone is only doubtful among many."""
    case = make_case("1.0.2", "1.0.0", RULES)
    look = case.spend(slices.GATE, "test", 0.05, against=True)
    contest = Contest.of(case, look)
    metric = case.metric("accuracy")
    assert case.champion is not None
    one, other = (case.score(package, contest.rows) for package in (case.challenger, case.champion))
    alone = contest.compare(metric, one, other, margin=0.0)
    assert alone.high is not None
    barely = -(alone.high + 1e-4)
    assert contest.compare(metric, one, other, margin=barely).verdict == "failed"
    among = contest.compare(metric, one, other, margin=barely, among=1000)
    assert (among.verdict, "one of 1000" in among.sentence) == ("inconclusive", True)


def test_none_judged_is_inconclusive(make_case: MakeCase) -> None:
    """Silence is no pass."""
    finding = slices.check(make_case("1.0.1", "1.0.0", RULES + "least = 5000\n"))
    assert finding.verdict == "inconclusive"
    assert "5000 different rows each" in finding.sentence


def test_an_unknown_column_names_those_there_are(make_case: MakeCase) -> None:
    """A slip in the policy is not a slice that passes."""
    with pytest.raises(ConfigurationError, match=r"'sight'.*site"):
        slices.check(make_case(more='[gates.slices]\ncolumns = ["sight"]\n'))
