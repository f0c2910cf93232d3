"""Moments as they are read from people and written for good."""

from __future__ import annotations

import pytest

from interlock.errors import ConfigurationError
from interlock.registry import moment


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2026-01-31", "2026-01-31T00:00:00.000000Z"),
        ("2026-01-31T14:30:00Z", "2026-01-31T14:30:00.000000Z"),
        ("2026-01-31 14:30", "2026-01-31T14:30:00.000000Z"),
        ("2026-01-31T14:30:00-05:00", "2026-01-31T19:30:00.000000Z"),
    ],
)
def test_a_time_without_an_offset_is_utc(written: str, meant: str) -> None:
    """Dates, times and offsets all become one form."""
    assert moment.parse(written) == meant


def test_what_is_no_time_is_refused_with_an_example() -> None:
    """The message shows how to write one."""
    with pytest.raises(ConfigurationError, match="'yesterday' is not a time; write it as 2026"):
        moment.parse("yesterday")


def test_text_sorts_as_time_does() -> None:
    """Later moments are greater, and their distance is in seconds."""
    first, second = moment.now(), moment.now()
    assert first <= second
    assert moment.seconds_between("2026-01-01T00:00:00Z", "2026-01-01T00:01:30.5Z") == 90.5
