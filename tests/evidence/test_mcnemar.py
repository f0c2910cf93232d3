"""McNemar's exact test against the binomial test that it is."""

from __future__ import annotations

import pytest
from scipy import stats

from interlock.errors import EvidenceError
from interlock.evidence import mcnemar


@pytest.mark.parametrize(("first", "second"), [(0, 1), (3, 9), (12, 2), (40, 41), (500, 600)])
def test_it_is_the_binomial_test_of_the_rows_that_differ(first: int, second: int) -> None:
    """Half of them each, if both err equally often."""
    expected = stats.binomtest(first, first + second, 0.5).pvalue
    assert mcnemar.exact(first, second) == pytest.approx(expected)


def test_models_that_never_differ_give_one() -> None:
    """No evidence at all against their being equal; so do equal halves."""
    assert mcnemar.exact(0, 0) == 1
    assert mcnemar.exact(7, 7) == 1


def test_rows_are_counted_by_who_alone_was_right() -> None:
    """Rows right or wrong in both say nothing."""
    first = [True] * 9 + [False] + [True] * 20 + [False] * 5
    second = [False] * 9 + [True] + [True] * 20 + [False] * 5
    assert mcnemar.of_rows(first, second) == mcnemar.exact(9, 1)


def test_counts_and_rows_that_cannot_be_are_refused() -> None:
    """A count is not below 0, and both models answered the same rows."""
    with pytest.raises(EvidenceError, match="below 0"):
        mcnemar.exact(-1, 3)
    with pytest.raises(EvidenceError, match="2 rows of one model and 3"):
        mcnemar.of_rows([True] * 2, [True] * 3)
