"""Errors of two arms: alarms that are right, and none that are not."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from scipy import stats

from interlock.errors import EvidenceError
from interlock.evidence.incidents import Incidents


def add(seen: Incidents, errors: int, champion: int, share: float = 0.05) -> None:
    requests = round(2000 * share)
    seen.add(
        errors=errors,
        requests=requests,
        champion_errors=champion,
        champion_requests=2000 - requests,
    )


@pytest.mark.parametrize("ratio", [1.0, 2.0])
@pytest.mark.parametrize("share", [0.05, 0.5])
def test_the_capital_of_a_fair_game_is_one_on_average(ratio: float, share: float) -> None:
    """At the tolerated ratio itself, over all ways that ten errors can fall, it neither grows."""
    odds = ratio * share / (1 - share)
    chance = odds / (1 + odds)
    total = 0.0
    for mine in range(11):
        seen = Incidents(ratio=ratio)
        add(seen, mine, 10 - mine, share)
        total += stats.binom.pmf(mine, 10, chance) * seen.evidence()
    assert total == pytest.approx(1.0, rel=1e-9)


def test_fewer_errors_than_tolerated_lose_capital() -> None:
    """A challenger that errs half as often gives no alarm, however long it runs."""
    seen = Incidents(ratio=1.0)
    for _ in range(50):
        add(seen, 1, 38)
    assert seen.evidence() < 0.01


def test_shares_that_change_between_looks_are_no_reason_for_alarm() -> None:
    """Under 5% of 500 runs cry wolf while the share goes to 50% and errors come in waves."""
    random = np.random.default_rng(8)
    wrong = 0
    for _ in range(500):
        seen = Incidents(ratio=1.0)
        for look in range(40):
            share, rate = (0.05, 0.02) if look < 20 else (0.5, 0.005)
            mine = int(random.binomial(round(2000 * share), rate))
            add(seen, mine, int(random.binomial(2000 - round(2000 * share), rate)), share)
            if seen.evidence() >= 20:
                wrong += 1
                break
    assert 0 < wrong <= 0.05 * 500


def test_a_broken_challenger_is_found_within_a_look() -> None:
    """Every fifth request fails where one in a hundred did."""
    seen = Incidents(ratio=1.5)
    add(seen, 20, 19)
    assert seen.evidence() > 1000


def test_an_arm_without_traffic_says_nothing() -> None:
    """No requests, no evidence; the errors of the other arm are still counted."""
    seen = Incidents()
    seen.add(errors=0, requests=0, champion_errors=5, champion_requests=100)
    assert seen.evidence() == 1.0
    assert seen.champion_errors == 5


def test_the_state_travels_as_json() -> None:
    """What is read again goes on where it stopped."""
    seen = Incidents()
    add(seen, 3, 10)
    again = msgspec.json.decode(msgspec.json.encode(seen), type=Incidents)
    add(seen, 2, 9)
    add(again, 2, 9)
    assert again.evidence() == seen.evidence()


def test_more_errors_than_requests_are_refused() -> None:
    """Numbers that cannot be are a fault of whoever counted."""
    with pytest.raises(EvidenceError, match="3 errors of 2 requests"):
        Incidents().add(errors=3, requests=2, champion_errors=0, champion_requests=10)
