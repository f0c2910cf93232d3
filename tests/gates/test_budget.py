"""What a server costs, against limits and against the champion, on a machine that is noisy."""

from __future__ import annotations

from pathlib import Path

import pytest

from interlock.gates import budget
from interlock.gates.budget import Measure, Round
from interlock.gates.load import Result, Sent
from interlock.package import Package
from interlock.policy import Budget

from .staged import make_case, slowed, version

QUICK = "[gates.budget]\nseconds = 0.4\n"


@pytest.fixture
def champion(tmp_path_factory: pytest.TempPathFactory) -> Package:
    return version(tmp_path_factory, "1.0.0")


@pytest.fixture
def challenger(tmp_path_factory: pytest.TempPathFactory) -> Package:
    return version(tmp_path_factory, "1.1.0")


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two rounds each, once: what is shown here needs no more."""
    monkeypatch.setattr(budget, "ORDER", "ABBA")
    monkeypatch.setattr(budget, "SETS", 1)


def rounds(**figures: list[float]) -> list[Round]:
    """Rounds with these figures, one of each a round."""
    sent = [Sent(0.0, 0.001, 200, "1.0.0")]
    result = Result(began=0.0, ended=1.0, sent=sent)
    every = zip(*figures.values(), strict=True)
    return [Round(dict(zip(figures, values, strict=True)), result) for values in every]


def only(challenger: list[Round], champion: list[Round] | None = None, **rules: float) -> Measure:
    (measure,) = budget.judge(challenger, champion or [], Budget(**rules))  # type: ignore[arg-type]
    return measure


@pytest.mark.usefixtures("short")
def test_an_equal_challenger_is_within_its_budget(
    challenger: Package, champion: Package, tmp_path: Path
) -> None:
    """Both are measured in turns; the sentence and the table have the figures of both."""
    # The limits are for a machine that does much else at the same time.
    policy = f"{QUICK}slower = 10\nslack = 1.0\nstart = 60\np50 = 1\np99 = 1"
    finding = budget.check(make_case(tmp_path, challenger, champion, policy))
    assert finding.verdict == "passed", finding.sentence
    assert finding.sentence.startswith("Within every limit: ")
    table = {row["measure"]: row for row in finding.figures["measures"]}
    assert set(table) == set(budget._WORDS.values())
    size = sum(file.stat().st_size for file in challenger.path.iterdir())
    assert table["package size"]["challenger"] == size
    assert 0.1 < table["time from start to first answer"]["champion"] < 60
    assert 0 < table["median latency"]["challenger"] <= 1
    assert 20 * 2**20 < table["memory of a worker"]["challenger"] < 2**30
    assert finding.figures["rounds"] == 2
    assert [series.name for series in finding.plots[0].series] == [  # type: ignore[union-attr]
        "challenger",
        "champion",
    ]


@pytest.mark.usefixtures("short")
def test_limits_that_are_too_small_fail(champion: Package, tmp_path: Path) -> None:
    """Every figure over the policy's limit is told, with the limit; no champion is needed."""
    policy = f"{QUICK}size = 1000\nstart = 0.001\nmemory = 1000000\np50 = 0.000001\np99 = 1"
    finding = budget.check(make_case(tmp_path, champion, policy=policy))
    assert finding.verdict == "failed"
    for words in ("Package size", "Time from start", "Memory of a worker", "Median latency"):
        assert words in finding.sentence
    assert "(the policy's)" in finding.sentence
    assert {row["champion"] for row in finding.figures["measures"]} == {None}
    table = {row["measure"]: row["verdict"] for row in finding.figures["measures"]}
    assert table["number of failed requests"] == "passed"


@pytest.mark.usefixtures("short")
def test_a_slower_challenger_fails(champion: Package, tmp_path: Path) -> None:
    """One that works much more for the same answers is within the policy, yet not good enough."""
    slow = slowed(champion, tmp_path / "slow")
    policy = "[gates.budget]\nseconds = 0.5\nrate = 10\nstart = 60\np50 = 5\np99 = 9"
    finding = budget.check(make_case(tmp_path, slow, champion, policy))
    assert finding.verdict == "failed"
    table = {row["measure"]: row for row in finding.figures["measures"]}
    assert table["package size"]["verdict"] == "failed"
    latency = table["median latency"]
    assert latency["challenger"] > latency["limit"] > latency["champion"]
    assert latency["verdict"] == "failed"
    assert "Median latency is " in finding.sentence
    assert "(the champion's is" in finding.sentence


def test_one_noisy_round_in_four_is_forgiven() -> None:
    """Whatever else the machine does only adds to a figure."""
    measure = only(rounds(p99=[0.01, 0.01, 0.5, 0.01]), p99=0.1)
    assert (measure.over, measure.verdict) == (1, "passed")


@pytest.mark.parametrize("values", [[0.2, 0.05, 0.2, 0.05], [0.2, 0.2, 0.2, 0.05]])
def test_rounds_that_disagree_decide_nothing(values: list[float]) -> None:
    """Over the limit in some rounds and under it in others is inconclusive, and says so."""
    measure = only(rounds(p99=values), p99=0.1)
    assert measure.verdict == "inconclusive"
    assert "the rounds disagree" in measure.sentence()
    assert "best 50.0 ms" in measure.sentence()


def test_a_figure_fails_only_when_its_best_round_does() -> None:
    """The complaint has the median, the best round, the limit and where that is from."""
    measure = only(rounds(p99=[0.2, 0.3, 0.2, 0.4]), p99=0.1)
    assert measure.verdict == "failed"
    assert measure.sentence() == (
        "99th percentile of latency is 250.0 ms, and 200.0 ms in the best of 4 rounds;"
        " the limit is 100.0 ms (the policy's)."
    )


def test_the_tighter_limit_counts() -> None:
    """The policy's, or so many times the champion's figure; small differences cost nothing."""
    theirs = rounds(p99=[0.02, 0.02])
    assert only(theirs, theirs, p99=0.1, slower=2).limit == 0.04
    assert only(theirs, theirs, p99=0.03, slower=2).limit == 0.03
    assert only(theirs, theirs, p99=0.1, slower=1.1, slack=0.01).limit == pytest.approx(0.03)
    small = rounds(size=[1000, 1000])
    assert only(small, small).limit == 1000 + budget.SMALL["size"]


def test_no_limit_is_never_exceeded() -> None:
    """A limit of 0 in the policy is none, and without a champion nothing else is one."""
    measure = only(rounds(p99=[9.0, 9.0]), p99=0)
    assert (measure.limit, measure.verdict) == (None, "passed")


def test_requests_that_fail_are_over_the_limit() -> None:
    """Latencies of a server that refuses say nothing."""
    assert only(rounds(failed=[3, 2, 1, 7])).verdict == "failed"
    assert only(rounds(failed=[0, 0, 0, 0])).verdict == "passed"
