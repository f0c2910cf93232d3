"""Bets: what they prove, what they must not, and that looking often costs nothing."""

from __future__ import annotations

import math

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from interlock.errors import EvidenceError
from interlock.evidence.sequential import Bets, contrasts

VALUES = st.lists(st.floats(-1, 1), min_size=1, max_size=60)


def bets(values: object = (), low: float = -1.0, high: float = 1.0) -> Bets:
    made = Bets(low=low, high=high)
    made.add(values)  # type: ignore[arg-type]
    return made


def test_evidence_is_the_capital_of_the_mixture() -> None:
    """One observation: the average over the stakes of one plus stake times gain."""
    stakes = 0.7 * 2.0 ** -np.arange(6) / 1.2
    expected = np.mean(1 + stakes * (0.5 - 0.2))
    assert bets([0.5]).evidence(0.2, "above") == pytest.approx(expected)


def test_before_the_first_row_nothing_is_known() -> None:
    """The capital is one, and the interval is everything."""
    empty = bets()
    assert empty.evidence(0.0, "above") == 1.0
    assert empty.interval(0.05) == pytest.approx((-1.0, 1.0))
    assert math.isnan(empty.mean)


@given(VALUES, VALUES)
def test_order_and_looks_do_not_matter(first: list[float], second: list[float]) -> None:
    """All at once, in parts or backwards: the same evidence to the last bit of its state."""
    whole = bets([*first, *second])
    parts = bets(second)
    parts.add(reversed(first))
    assert whole.log_evidence(0.1, "above") == pytest.approx(parts.log_evidence(0.1, "above"))
    assert whole.floors == parts.floors


@given(VALUES, st.floats(-0.99, 0.99))
def test_both_sides_are_mirror_images(values: list[float], mean: float) -> None:
    """What is won on "above" is what the negated values win on "below"."""
    mirrored = bets([-value for value in values])
    assert bets(values).log_evidence(mean, "above") == pytest.approx(
        mirrored.log_evidence(-mean, "below"), abs=1e-9
    )


@given(VALUES)
def test_rounding_never_helps_a_claim(values: list[float]) -> None:
    """The capital is at most what the unrounded values would have won."""
    stakes = (0.7 * 2.0 ** -np.arange(6))[:, None]
    exact = np.prod(1 + stakes * np.array(values), axis=1).mean()
    assert bets(values).evidence(0.0, "above") <= exact * (1 + 1e-9)


def test_the_state_travels_as_json_and_replays() -> None:
    """What is written down and read again gives the same verdict and stays small."""
    random = np.random.default_rng(0)
    made = bets(random.uniform(-1, 1, 100_000))
    text = msgspec.json.encode(made)
    again = msgspec.json.decode(text, type=Bets)
    assert again.interval(0.05) == made.interval(0.05)
    assert len(text) < 60_000


def test_an_interval_holds_at_every_look_at_once() -> None:
    """In at most a share alpha of 400 runs does the truth ever leave it; looked at 40 times."""
    random = np.random.default_rng(3)
    left = 0
    for _ in range(400):
        made = bets(low=0.0, high=1.0)
        for _look in range(40):
            made.add((random.random(50) < 0.1).astype(float))
            # What the ends of the interval are made of; asking for the ends takes far longer.
            if max(made.log_evidence(0.1, "above"), made.log_evidence(0.1, "below")) > math.log(20):
                left += 1
                break
    assert 0 < left <= 0.1 * 400  # that it happens at all shows that the test can fail


def test_the_interval_closes_in_on_the_mean() -> None:
    """Ten thousand rows leave a few hundredths."""
    made = bets((np.random.default_rng(1).random(10_000) < 0.9).astype(float), low=0.0)
    low, high = made.interval(0.05)
    assert low < 0.9 < high
    assert high - low < 0.04
    assert made.mean == pytest.approx(0.9, abs=0.02)


def test_a_value_out_of_bounds_is_refused_and_not_counted() -> None:
    """A bound that does not hold would make the evidence worthless."""
    made = bets([0.5])
    with pytest.raises(EvidenceError, match=r"do not lie between -1.0 and 1.0"):
        made.add([0.0, 1.5])
    with pytest.raises(EvidenceError, match="nan"):
        made.add([math.nan])
    assert len(made) == 1


def test_contrasts_share_no_champion_row() -> None:
    """Each champion row is in one difference, so that their sum is that of disjoint means."""
    champion = np.arange(12) / 12
    found = contrasts(np.zeros(4), champion, seed=1)
    assert len(found) == 4
    assert -found.sum() * 3 == pytest.approx(champion.sum())


def test_contrasts_with_fewer_champions_leave_rows_out() -> None:
    """Five challenger rows, two champions: two differences; none at all without a champion."""
    assert len(contrasts(np.ones(5), np.zeros(2), seed=0)) == 2
    assert len(contrasts(np.ones(5), np.zeros(0), seed=0)) == 0


def test_contrasts_are_drawn_the_same_again() -> None:
    """The same interval gives the same differences, another seed others."""
    random = np.random.default_rng(2)
    rows = random.random(50), random.random(130)
    assert contrasts(*rows, seed=7).tolist() == contrasts(*rows, seed=7).tolist()
    assert contrasts(*rows, seed=7).tolist() != contrasts(*rows, seed=8).tolist()


def test_equal_arms_are_told_apart_in_at_most_alpha() -> None:
    """Equal challenger, forty looks, contrasts of one interval each: under 5% of 300 runs."""
    random = np.random.default_rng(4)
    wrong = 0
    for _ in range(300):
        made = bets()
        for look in range(40):
            rows = (random.random(20) < 0.1, random.random(60) < 0.1)
            made.add(contrasts(rows[0].astype(float), rows[1].astype(float), look))
            if made.evidence(0.0, "above") >= 20:
                wrong += 1
                break
    assert wrong <= 0.05 * 300
