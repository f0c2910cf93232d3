"""How periods of an alias are told in tables."""

from __future__ import annotations

from interlock.registry import Period


def mover(period: Period) -> str | None:
    """Who put the alias there."""
    return "unknown (moved without Interlock)" if period.noticed else period.actor


def manner(period: Period) -> str:
    """By which command it was put there; a move without evidence is marked.

    >>> from interlock.registry import Period
    >>> manner(Period(name="ecg", alias="champion", version="1.0.0", number=1, digest=None,
    ...               start="", move="promotion", forced=True))
    'promotion, forced'
    """
    if period.noticed:
        return ""
    return f"{period.move}, forced" if period.forced else period.move
