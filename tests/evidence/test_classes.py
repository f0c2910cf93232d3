"""Figures by class come out of one table of counts; what they are is in test_metrics."""

from __future__ import annotations

import numpy as np

from interlock.evidence import classes


def test_table_has_a_row_for_each_true_class() -> None:
    """Codes that occur nowhere have their row and column all the same."""
    counts = classes.table(np.array([0, 0, 2]), np.array([2, 2, 2]), 4)
    assert counts.shape == (4, 4)
    assert counts[0, 2] == 2
    assert counts[2, 2] == 1
    assert counts.sum() == 3


def test_class_that_is_nowhere_has_no_figure() -> None:
    """Nothing to divide by is NaN, without a warning, and left out of the macro mean."""
    counts = np.array([[3, 1, 0], [0, 0, 0], [0, 0, 0]])
    np.testing.assert_equal(classes.recall(counts), [0.75, np.nan, np.nan])
    np.testing.assert_equal(classes.precision(counts), [1, 0, np.nan])
    np.testing.assert_equal(classes.f1(counts), [6 / 7, 0, np.nan])
    assert classes.f1_macro(counts) == 3 / 7
