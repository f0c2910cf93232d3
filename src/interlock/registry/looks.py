"""Looks at a holdout: every gate that judges by the same rows again has less error to spend."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from interlock.evidence import spending
from interlock.registry.chain import Link


class Look(Link, frozen=True, kw_only=True):
    """One look of one gate at the data with the digest `holdout`.

    `key` is what was tested: the same key again is the same look, since it has the same answer.
    `number` counts the looks of this gate at this data from one, `alpha` is the error that the
    policy allowed for all of them together.
    """

    holdout: str
    gate: str
    key: str
    number: int
    alpha: float
    actor: str | None
    moment: str


class Spent(msgspec.Struct, frozen=True, kw_only=True):
    """What one gate has used up of one holdout: `left` is what is left of `alpha` for new looks."""

    holdout: str
    gate: str
    looks: int
    alpha: float
    left: float


def number(looks: Sequence[Look], gate: str, key: str) -> int:
    """Which look of `gate` a test is: the one that it was before, or the next."""
    numbers = {look.key: look.number for look in looks if look.gate == gate}
    return numbers.get(key, len(numbers) + 1)


def spent(looks: Sequence[Look]) -> list[Spent]:
    """What each gate has used up, for the looks at one holdout; by the alpha of its last look."""
    last = {look.gate: look for look in looks}
    return [
        Spent(
            holdout=looks[0].holdout,
            gate=gate,
            looks=number,
            alpha=look.alpha,
            left=spending.left(look.alpha, number),
        )
        for gate, look in sorted(last.items())
        # Where two holdouts turned out to be one, each has counted from one.
        for number in [len({one.key for one in looks if one.gate == gate})]
    ]
