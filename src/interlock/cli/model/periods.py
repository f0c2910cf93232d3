"""How periods of an alias are told in tables."""

from __future__ import annotations

from interlock.registry import Period


def place(period: Period) -> str:
    """The version that the alias was on."""
    if period.gone:
        return "none"
    return period.version or f"MLflow version {period.number}"


def mover(period: Period) -> str | None:
    """Who put the alias there, or took it away."""
    return "unknown (moved without Interlock)" if period.noticed else period.actor


def manner(period: Period) -> str:
    """By which command it was put there; a move without evidence is marked.

    >>> from interlock.registry import Period
    >>> manner(Period(name="ecg", alias="champion", version="1.0.0", number=1, digest=None,
    ...               start="", move="promotion", forced=True))
    'promotion, forced'
    """
    if period.noticed:
        return "taken away" if period.gone else ""
    how = "taken away" if period.gone else period.move
    return f"{how}, forced" if period.forced else how
