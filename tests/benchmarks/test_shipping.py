"""The benchmark of the shipper measures what it says."""

from __future__ import annotations

import msgspec
import pytest
import shipping


@pytest.fixture(scope="module")
def seen() -> shipping.Seen:
    """A second's worth of records through a real shipper into SQLite."""
    with shipping.journal("SQLite") as settings:
        found = shipping.steady("SQLite", settings, 1000, 1000)
        found.kept = shipping.count(settings)
    return found


def test_every_record_is_counted(seen: shipping.Seen) -> None:
    """What the writer wrote is in the database when the shipper has ended."""
    assert (seen.records, seen.kept) == (1000, 1000)
    assert 300 < seen.rate <= 1000
    assert 20 < seen.early < 500
    assert 0 < seen.core < 1.5


def test_each_figure_can_miss_its_bar(seen: shipping.Seen) -> None:
    """A benchmark that cannot fail proves nothing."""
    good = {"kept": 1000, "rate": 5000.0, "behind": 1.0, "early": 90.0, "late": 95.0}
    assert [bar.met for bar in msgspec.structs.replace(seen, **good).bars()] == [True] * 4
    bad = {"kept": 999, "rate": 4000.0, "behind": 2.5, "late": 120.0}
    for number, (field, value) in enumerate(bad.items()):
        missed = msgspec.structs.replace(seen, **{**good, field: value})
        assert [bar.met for bar in missed.bars()].index(False) == number
    doubled = msgspec.structs.replace(seen, **{**good, "kept": 1001})
    assert not doubled.bars()[0].met


def test_a_backlog_is_timed() -> None:
    """From the start of the process until the spool is empty."""
    with shipping.journal("SQLite") as settings:
        assert 50 < shipping.backlog(settings, 5000) < 50_000
        assert shipping.count(settings) == 5000
