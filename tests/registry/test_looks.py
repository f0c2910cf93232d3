"""Looks at a holdout: each has a number, and costs what its number says."""

from __future__ import annotations

import pytest

from interlock.registry.looks import Look, number, spent


def look(gate: str, key: str, count: int, alpha: float = 0.05) -> Look:
    """One look of a gate at the holdout."""
    return Look(
        sequence=1,
        holdout="sha256:h",
        gate=gate,
        key=key,
        number=count,
        alpha=alpha,
        actor="ann",
        moment="2026-01-01T00:00:00.000000Z",
    )


LOOKS = [look("champion", "a", 1), look("floor", "a", 1), look("champion", "b", 2)]


def test_a_new_test_is_the_next_look_of_its_gate() -> None:
    """Gates are counted apart: each has an alpha of its own."""
    assert number([], "champion", "a") == 1
    assert number(LOOKS, "champion", "c") == 3
    assert number(LOOKS, "floor", "c") == 2


def test_the_same_test_again_is_the_same_look() -> None:
    """It has the same answer, so nothing is learnt from it."""
    assert number(LOOKS, "champion", "a") == 1
    assert number(LOOKS, "champion", "b") == 2
    assert number(LOOKS, "floor", "b") == 2


def test_what_is_left_shrinks_with_every_look() -> None:
    """By the schedule of interlock.evidence.spending, for the alpha that was given last."""
    champion, floor = spent([*LOOKS, look("floor", "c", 2, alpha=0.1)])
    assert (champion.gate, champion.looks, champion.holdout) == ("champion", 2, "sha256:h")
    assert champion.left == pytest.approx(0.05 * (1 - 6 / 9.8696044 * (1 + 1 / 4)))
    assert (floor.looks, floor.alpha) == (2, 0.1)
    assert floor.left == pytest.approx(2 * champion.left)
    assert spent([]) == []
