"""Who answers whom: the same key the same version, and shares as they are told."""

from __future__ import annotations

import math
from collections.abc import Sequence
from hashlib import blake2b

import pytest
from hypothesis import given
from hypothesis import strategies as some
from uuid_utils import uuid7

from interlock.routing.pick import Draw, Pick
from interlock.routing.route import Arm, ArmName, Route

TOKENS = some.binary(min_size=1, max_size=36)
SHARES = some.floats(0, 1)


def route(shares: Sequence[tuple[ArmName, float]], salt: str = "salt") -> Route:
    """A route with arms of these shares, each with a version of its own."""
    arms = tuple(
        Arm(name=name, version=f"1.{place}.0", digest=f"sha256:{place}", share=share)
        for place, (name, share) in enumerate(shares)
    )
    return Route(deployment="ecg", revision=1, salt=salt, arms=arms)


def canary(share: float, salt: str = "salt") -> Pick:
    return Pick(route([("champion", 1 - share), ("canary", share)], salt))


@given(TOKENS, some.lists(SHARES, min_size=2, max_size=6), some.text(max_size=80))
def test_a_key_stays_where_it_is_while_the_share_grows(
    token: bytes, shares: list[float], salt: str
) -> None:
    """Once on the canary it is on the canary, up to all of the traffic."""
    seen = [canary(share, salt)(token).name for share in [*sorted(shares), 1.0]]
    assert seen == sorted(seen, key=["champion", "canary"].index)
    assert seen[-1] == "canary"


@given(TOKENS, SHARES)
def test_an_arm_without_a_share_is_never_drawn(token: bytes, share: float) -> None:
    """Neither the one that waits for its turn nor the champion that is kept warm."""
    assert canary(0)(token).name == "champion"
    assert canary(1)(token).name == "canary"
    warm = route([("champion", 1 - share), ("canary", 0), ("b", share)])
    assert Pick(warm)(token).share > 0


@given(TOKENS, some.text(max_size=300))
def test_a_draw_is_a_point_from_0_until_1(token: bytes, salt: str) -> None:
    """Whatever the token and the salt, and the same each time."""
    assert 0 <= Draw(salt, "arm")(token) < 1
    assert Draw(salt, "arm")(token) == Draw(salt, "arm")(token)


def test_shares_that_add_up_to_a_hair_less_leave_nobody_out() -> None:
    """Sums of shares are not quite 1 for a computer: who is last goes up to the end."""
    names: tuple[ArmName, ...] = ("canary", "b", "green")
    shares = [0.1 + 0.2, 0.3, 0.4 - 5e-10]
    warm: tuple[ArmName, float] = ("blue", 0.0)
    pick = Pick(route([("champion", 0.0), *zip(names, shares, strict=True), warm]))
    pick._draw = lambda _token: math.nextafter(1, 0)  # type: ignore[assignment]
    assert pick(b"").name == "green"


@pytest.mark.parametrize("share", [0.05, 0.25, 0.5])
@pytest.mark.parametrize("kind", ["keys", "ids"])
def test_shares_are_met(share: float, kind: str) -> None:
    """Of 20,000 hashed keys, or ids made one after the other, within four standard deviations."""
    number = 20_000
    keyed = kind == "keys"
    pick = canary(share)
    tokens = (
        blake2b(b"bed %d" % place, digest_size=16).digest() if keyed else str(uuid7()).encode()
        for place in range(number)
    )
    drawn = sum(pick(token).name == "canary" for token in tokens)
    assert abs(drawn - share * number) < 4 * math.sqrt(number * share * (1 - share))


def test_another_salt_draws_anew() -> None:
    """Who was on one canary is on the next by chance only."""
    tokens = [b"bed %d" % place for place in range(10_000)]
    first, second = (
        {token for token in tokens if canary(0.2, salt)(token).name == "canary"}
        for salt in ("one", "two")
    )
    assert 0.15 < len(first & second) / len(first) < 0.25


def test_a_shadow_draws_by_itself() -> None:
    """Half of what the canary answers has a shadow, not all or nothing of it."""
    tokens = [b"bed %d" % place for place in range(10_000)]
    mine = [token for token in tokens if Draw("salt", "arm")(token) < 0.2]
    both = [token for token in mine if Draw("salt", "shadow")(token) < 0.5]
    assert 0.45 < len(both) / len(mine) < 0.55


def test_the_steady_arm_is_the_champions() -> None:
    """By whatever name; the last one where nobody has such a name."""
    assert route([("canary", 0.1), ("champion", 0.9)]).steady.name == "champion"
    assert route([("b", 0.5), ("a", 0.5)]).steady.name == "a"
    assert route([("green", 0.5), ("canary", 0.5)]).steady.name == "canary"


@pytest.mark.parametrize(
    ("shares", "why"),
    [
        ([("champion", 0.5), ("canary", 0.4)], "0.9 together"),
        ([("champion", 1.5), ("canary", -0.5)], "not 1"),
        ([("champion", 0.5), ("champion", 0.5)], "one name"),
    ],
)
def test_a_route_that_says_no_sense_is_refused(
    shares: list[tuple[ArmName, float]], why: str
) -> None:
    """When it is made, and so also when it is read."""
    with pytest.raises(ValueError, match=why):
        route(shares)
