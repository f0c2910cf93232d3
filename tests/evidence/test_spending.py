"""What looks at one holdout cost."""

from __future__ import annotations

import math

import pytest

from interlock.errors import EvidenceError
from interlock.evidence import spending


def test_all_looks_to_come_cost_no_more_than_alpha() -> None:
    """The shares add up to 1, never more."""
    total = math.fsum(spending.share(look) for look in range(1, 100_001))
    assert 0.9999 < total < 1


def test_what_is_left_and_what_was_allowed_make_alpha() -> None:
    """The books balance after every look."""
    for looks in range(6):
        spent = math.fsum(spending.allowance(0.1, look) for look in range(1, looks + 1))
        assert spent + spending.left(0.1, looks) == pytest.approx(0.1)


def test_no_look_is_as_cheap_as_an_earlier_one() -> None:
    """Each look gets less than the one before, and always something."""
    allowed = [spending.allowance(0.05, look) for look in range(1, 50)]
    assert allowed == sorted(allowed, reverse=True)
    assert min(allowed) > 0


def test_looks_and_alphas_that_cannot_be_are_refused() -> None:
    """Looks are counted from 1, and alpha is a chance."""
    with pytest.raises(EvidenceError, match="look 0"):
        spending.share(0)
    for alpha in (0.0, 1.0, 5.0):
        with pytest.raises(EvidenceError, match="alpha"):
            spending.allowance(alpha, 1)
        with pytest.raises(EvidenceError, match="alpha"):
            spending.left(alpha, 1)
