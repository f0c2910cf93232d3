"""Moments: UTC in ISO 8601 with microseconds, so that sorting the text sorts the time."""

from __future__ import annotations

from datetime import UTC, datetime

from interlock.errors import ConfigurationError


def now() -> str:
    """The present moment, the only place where the registry asks for it."""
    return text(datetime.now(UTC))


def text(moment: datetime) -> str:
    """`moment` as it is written everywhere.

    >>> text(datetime(2026, 1, 2, tzinfo=UTC))
    '2026-01-02T00:00:00.000000Z'
    """
    there = moment.astimezone(UTC).replace(tzinfo=None)
    return f"{there.isoformat(timespec='microseconds')}Z"


def parse(written: str) -> str:
    """Any ISO 8601 date or time in our form; without an offset it is UTC.

    Raises
    ------
    ConfigurationError
        When it is no date.

    Examples
    --------
    >>> parse("2026-01-02T03:04+02:00")
    '2026-01-02T01:04:00.000000Z'
    """
    try:
        moment = datetime.fromisoformat(written)
    except ValueError:
        raise ConfigurationError(
            f"{written!r} is not a time; write it as 2026-01-31 or 2026-01-31T14:30:00Z"
        ) from None
    try:
        return text(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    except OverflowError:
        raise ConfigurationError(f"{written!r} is beyond the years that a calendar has") from None


def seconds_between(earlier: str, later: str) -> float:
    """Seconds from one moment to another, negative when they are the other way round."""
    return (datetime.fromisoformat(later) - datetime.fromisoformat(earlier)).total_seconds()
