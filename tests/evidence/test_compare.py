"""Comparisons and bounds on rows small enough to know the answer."""

from __future__ import annotations

import time
from typing import Any

import msgspec
import numpy as np
import pytest
from scipy import stats

from interlock.errors import EvidenceError
from interlock.evidence.catalogue import metric
from interlock.evidence.compare import Bound, Comparison, bound, compare
from interlock.evidence.scored import Scored

LABELS = ("a", "b", "c")


def right(*answers: bool) -> Scored:
    """Rows of two classes by turns, answered right or wrong."""
    truth = np.arange(len(answers)) % 2
    wrong = ~np.array(answers)
    return Scored(truth=truth, labels=(0, 1), predicted=truth ^ wrong)


def shares(rows: int, errors: int, start: int = 0) -> Scored:
    """So many rows, of which some that follow each other are answered wrongly."""
    answers = np.ones(rows, bool)
    answers[start : start + errors] = False
    return right(*answers.tolist())


def numbers(error: float, rows: int = 60, seed: int = 0) -> Scored:
    """A regression whose errors are about so large."""
    noise = np.random.default_rng(seed).normal(size=rows)
    return Scored(truth=np.arange(rows) * 1.0, predicted=np.arange(rows) + error * noise)


def better(**more: Any) -> Comparison:
    """A challenger that is right where the champion is wrong in 40 of 500 rows."""
    given = {"margin": 0.0, "alpha": 0.05, **more}
    return compare(metric("accuracy"), shares(500, 10, 100), shares(500, 50), **given)


def test_a_clearly_better_challenger_passes_and_says_so_in_one_sentence() -> None:
    """Figures, difference, limit, confidence, margin and verdict are all in the sentence."""
    found = better()
    assert found.verdict == "passed"
    assert found.difference == pytest.approx(0.08)
    assert found.sentence == (
        "accuracy: challenger 0.980, champion 0.900: +0.080, "
        f"at least {found.low:+.3f} with 95% confidence; margin 0: passed"
    )
    assert found.more_rows is None


def test_a_clearly_worse_challenger_fails_by_its_upper_limit() -> None:
    """Even the best that the rows allow is under the margin."""
    found = compare(
        metric("accuracy"), shares(500, 60), shares(500, 10, 100), margin=0.02, alpha=0.05
    )
    assert found.verdict == "failed"
    assert found.high is not None
    assert found.high < -0.02
    assert f"at most {found.high:+.3f} with 95% confidence; margin 0.02: failed" in found.sentence


def test_a_limit_just_beyond_the_margin_does_not_read_as_on_it() -> None:
    """A verdict that hangs by a thread shows the thread."""
    low = better(margin=0.0).low
    assert low is not None
    close = better(margin=-(low - 0.00002))
    assert close.verdict == "passed"
    assert f"at least {low:+.5f} with" in close.sentence


def test_a_margin_below_zero_asks_for_more_than_better() -> None:
    """Superiority by 5 points is another question than superiority by 20."""
    assert better(margin=-0.05).verdict == "passed"
    assert better(margin=-0.2).verdict == "failed"


def test_lower_is_better_turns_the_difference_round() -> None:
    """A positive difference always speaks for the challenger."""
    found = compare(metric("mae"), numbers(1.0), numbers(9.0, seed=1), margin=0.0, alpha=0.05)
    assert found.difference is not None
    assert found.difference > 0
    assert found.verdict == "passed"
    assert found.sentence.startswith("mae (lower is better): challenger")


@pytest.mark.parametrize("name", ["accuracy", "f1_macro", "brier", "roc_auc", "log_loss"])
@pytest.mark.parametrize("groups", [None, 15])
def test_equal_classifiers_have_no_interval_of_zero_width(name: str, groups: int | None) -> None:
    """Models that answer all rows alike may still differ on those not seen."""
    truth = np.arange(60) % 3
    given = np.full((60, 3), 0.1) + 0.7 * np.eye(3)[truth]
    same = Scored(
        truth=np.array(LABELS)[truth],
        labels=LABELS,
        predicted=np.array(LABELS)[truth],
        probabilities=given,
    )
    of = None if groups is None else np.arange(60) % groups
    found = compare(metric(name), same, same, margin=0.0, alpha=0.05, groups=of, resamples=200)
    assert found.verdict == "inconclusive"
    assert found.low is not None
    assert found.high is not None
    assert found.low < 0 < found.high
    assert "-0.000," not in found.sentence.split("between")[0]


@pytest.mark.parametrize("name", ["mae", "rmse"])
def test_equal_regressions_have_no_interval_of_zero_width(name: str) -> None:
    """Where no difference has a largest size, the largest error seen stands for it."""
    found = compare(metric(name), numbers(1), numbers(1), margin=0.0, alpha=0.05, resamples=200)
    assert found.verdict == "inconclusive"
    assert found.low is not None
    assert found.low < -1e-3


@pytest.mark.parametrize("name", ["hazard_brier", "concordance"])
def test_equal_hazards_have_no_interval_of_zero_width(name: str) -> None:
    """The event is made to come when nobody expected it."""
    random = np.random.default_rng(0)
    same = Scored(
        truth=random.integers(1, 7, 50),
        event=random.random(50) < 0.7,
        values=random.uniform(0.05, 0.4, (50, 6)),
    )
    found = compare(metric(name), same, same, margin=0.0, alpha=0.05, resamples=100)
    assert found.low is not None
    assert found.low < -1e-3


def test_equal_answers_are_bounded_by_the_share_of_rows_that_could_differ() -> None:
    """The exact bound: had a share 1 - alpha^(1/n) differed, some row would have shown it."""
    same = shares(100, 5)
    found = compare(metric("accuracy"), same, same, margin=0.0, alpha=0.05, resamples=20_000)
    assert found.low == pytest.approx(-(1 - 0.05 ** (1 / 100)), rel=0.03)


def test_a_small_holdout_never_passes_by_silence() -> None:
    """That a model loses less than 5 points cannot be seen on 30 equal answers; on 300 it can."""
    seen = [
        compare(metric("accuracy"), one, one, margin=0.05, alpha=0.05).verdict
        for one in (shares(30, 2), shares(300, 2))
    ]
    assert seen == ["inconclusive", "passed"]


def test_the_bound_of_a_share_is_the_one_of_clopper_and_pearson() -> None:
    """The best known limit of a share is met, within the error of the resampling."""
    found = bound(metric("accuracy"), shares(200, 10), limit=0.9, alpha=0.05, resamples=20_000)
    exact = stats.beta.ppf(0.05, 190, 11)
    assert found.low == pytest.approx(exact, abs=0.002)
    assert found.low <= exact + 0.0005
    assert found.verdict == "passed"


@pytest.mark.parametrize(
    ("limit", "verdict", "words"),
    [
        (0.85, "passed", "at least 0.85 asked: passed"),
        (0.95, "inconclusive", "each with 95% confidence; at least 0.95 asked: inconclusive"),
        (0.99, "failed", "at least 0.99 asked: failed"),
    ],
)
def test_a_floor_has_three_verdicts(limit: float, verdict: str, words: str) -> None:
    """The lower limit must clear the floor, and the upper one must miss it."""
    found = bound(metric("accuracy"), shares(300, 15), limit=limit, alpha=0.05)
    assert found.verdict == verdict
    assert words in found.sentence


@pytest.mark.parametrize(("limit", "verdict"), [(1.2, "passed"), (0.3, "failed")])
def test_a_ceiling_is_held_from_the_other_side(limit: float, verdict: str) -> None:
    """For errors the upper limit must be under what is allowed."""
    found = bound(metric("mae"), numbers(1.0), limit=limit, alpha=0.05)
    assert found.verdict == verdict
    assert found.low is not None
    assert found.figure is not None
    assert found.high is not None
    assert 0 < found.low < found.figure < found.high
    assert f"at most {limit} asked" in found.sentence


def test_the_estimate_of_more_rows_decides_when_the_difference_stays() -> None:
    """With that many rows more of the same kind there is a verdict, with a third there is not."""
    ours, theirs = shares(200, 12, 100), shares(200, 18)
    first = compare(metric("accuracy"), ours, theirs, margin=0.0, alpha=0.05)
    assert first.verdict == "inconclusive"
    assert first.more_rows is not None
    assert "very roughly 300 more rows would decide" in first.sentence

    def with_more(rows: int) -> str:
        take = np.linspace(0, 200, 200 + rows, endpoint=False).astype(int)
        return compare(
            metric("accuracy"), ours.take(take), theirs.take(take), margin=0.0, alpha=0.05
        ).verdict

    assert with_more(round(first.more_rows * 1.1)) == "passed"
    assert with_more(first.more_rows // 3) == "inconclusive"


def test_a_difference_at_the_margin_is_never_decided_by_rows() -> None:
    """Equal models and margin 0: no number of rows would help, and the sentence says so."""
    found = compare(metric("accuracy"), shares(50, 5), shares(50, 5), margin=0.0, alpha=0.05)
    assert found.more_rows is None
    assert "more rows would not decide" in found.sentence


def test_few_groups_decide_nothing_however_many_rows_they_have() -> None:
    """Nine patients are nine, not nine hundred."""
    ours, theirs = shares(900, 9), shares(900, 500, 100)
    groups = np.arange(900) % 9
    found = compare(metric("accuracy"), ours, theirs, margin=0.0, alpha=0.05, groups=groups)
    assert found.verdict == "inconclusive"
    assert "9 groups are too few to decide; it takes 10" in found.sentence
    assert found.more_rows is not None
    assert found.more_rows >= 100


def test_few_rows_decide_nothing() -> None:
    """The same goes for rows that stand alone, and for a single one."""
    few = compare(metric("accuracy"), shares(9, 0), shares(9, 9), margin=0.0, alpha=0.05)
    assert few.verdict == "inconclusive"
    one = compare(metric("accuracy"), shares(1, 0), shares(1, 1), margin=0.0, alpha=0.05)
    assert (one.verdict, one.low) == ("inconclusive", None)


def test_rows_that_cannot_tell_the_metric_are_inconclusive() -> None:
    """The recall of a class without rows is no figure, and JSON has none for it."""
    rows = Scored(truth=np.array(["a"] * 50), labels=LABELS, predicted=np.array(["a"] * 50))
    found = compare(metric("recall:c"), rows, rows, margin=0.0, alpha=0.05)
    assert (found.verdict, found.challenger, found.low) == ("inconclusive", None, None)
    assert "these 50 rows cannot tell the recall:c" in found.sentence


def test_resamples_without_a_figure_are_counted_or_end_the_attempt() -> None:
    """A class of four rows is seldom missing from a resample, one of a single row too often."""

    def with_rare(number: int) -> Comparison:
        truth = np.array(["a"] * (50 - number) + ["c"] * number)
        rows = Scored(truth=truth, labels=LABELS, predicted=truth)
        return compare(metric("recall:c"), rows, rows, margin=0.5, alpha=0.05, resamples=400)

    assert "without a figure drawn again" in with_rare(4).method
    assert with_rare(1).verdict == "inconclusive"
    assert "too many resamples" in with_rare(1).sentence


def test_accuracy_carries_the_p_value_of_mcnemar() -> None:
    """Where rows are independent; grouped rows have none."""
    ours, theirs = shares(100, 3, 50), shares(100, 12)
    found = compare(metric("accuracy"), ours, theirs, margin=0.0, alpha=0.05)
    assert found.p_value == pytest.approx(stats.binomtest(3, 15).pvalue)
    grouped = compare(
        metric("accuracy"), ours, theirs, margin=0.0, alpha=0.05, groups=np.arange(100) // 5
    )
    assert grouped.p_value is None


def test_small_alphas_draw_more_and_tiny_ones_decide_nothing() -> None:
    """A limit beyond every resample is not made up."""
    assert "8,334 resamples" in better(alpha=0.0006).method
    found = better(alpha=1e-6)
    assert found.verdict == "inconclusive"
    assert "take a fresh holdout" in found.sentence


def test_the_same_seed_gives_the_same_limits() -> None:
    """Whoever repeats a comparison finds the same figures; another seed moves them a little."""
    assert better(seed=5) == better(seed=5)
    assert (better(seed=5).low, better(seed=5).high) != (better(seed=6).low, better(seed=6).high)


def test_both_kinds_of_verdict_survive_json() -> None:
    """Evidence is stored as JSON."""
    for found in (better(), bound(metric("accuracy"), shares(50, 5), limit=0.5, alpha=0.05)):
        assert msgspec.json.decode(msgspec.json.encode(found), type=type(found)) == found
    assert {Comparison.__name__, Bound.__name__} == {"Comparison", "Bound"}


@pytest.mark.parametrize(
    ("champion", "more", "message"),
    [
        (shares(499, 5), {}, "500 and 499 rows"),
        (right(*[True] * 499, False).take(np.arange(500)[::-1]), {}, "their truth differs"),
        (shares(500, 5), {"alpha": 0.0}, "alpha 0.0"),
        (shares(500, 5), {"resamples": 10}, "10 resamples are too few"),
        (shares(500, 5), {"groups": np.zeros(3)}, "groups have the shape"),
    ],
)
def test_what_cannot_be_compared_is_refused(
    champion: Scored, more: dict[str, Any], message: str
) -> None:
    """The message says what does not fit."""
    given: dict[str, Any] = {"margin": 0.0, "alpha": 0.05, **more}
    with pytest.raises(EvidenceError, match=message):
        compare(metric("accuracy"), shares(500, 5), champion, **given)


def test_two_thousand_resamples_of_macro_f1_take_about_a_second() -> None:
    """A gate is no coffee break: 1,000 rows, both models, one core, with room for slow machines."""
    random = np.random.default_rng(0)
    truth = random.integers(0, 3, 1000)
    ours, theirs = (
        Scored(
            truth=np.array(LABELS)[truth],
            labels=LABELS,
            predicted=np.array(LABELS)[np.where(random.random(1000) < 0.9, truth, 0)],
        )
        for _ in range(2)
    )
    begun = time.process_time()
    compare(metric("f1_macro"), ours, theirs, margin=0.0, alpha=0.05)
    assert time.process_time() - begun < 4


@pytest.mark.parametrize("name", ["ece", "hazard_calibration", "hazard_calibration:3"])
def test_errors_of_calibration_are_not_compared(name: str) -> None:
    """Their difference has no honest interval, so asking for one is refused with a way out."""
    with pytest.raises(EvidenceError, match=r"cannot be compared.*brier"):
        compare(metric(name), shares(500, 10), shares(500, 50), margin=0.0, alpha=0.05)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_line_that_is_no_number_is_refused(value: float) -> None:
    """Neither a margin nor a limit can be infinite or nothing at all."""
    with pytest.raises(EvidenceError, match="margin is"):
        better(margin=value)
    with pytest.raises(EvidenceError, match="limit is"):
        bound(metric("accuracy"), shares(500, 10), limit=value, alpha=0.05)
