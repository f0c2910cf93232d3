"""Alphas: how the chance of a false alarm is shared by what is watched.

By Bonferroni's inequality the chances of single tests add up. Quality, which rollouts are about,
has one half; the other half is shared evenly by errors, latency, answers and each floor.
"""

from __future__ import annotations

from collections.abc import Iterable

from interlock.evidence import spending

SERVICE = ("errors", "latency", "answers")


def shares(alpha: float, floors: Iterable[str]) -> dict[str, float]:
    """The alpha of each metric.

    >>> {name: round(share, 4) for name, share in shares(0.01, ["accuracy"]).items()}
    {'quality': 0.005, 'errors': 0.0013, 'latency': 0.0013, 'answers': 0.0013,
     'floor accuracy': 0.0013}
    """
    others = [*SERVICE, *(f"floor {metric}" for metric in floors)]
    return {"quality": alpha / 2} | {name: alpha / 2 / len(others) for name in others}


def of_class(alpha: float, place: int) -> float:
    """The alpha of one class, one way, of those that may come: `place` counts from 0."""
    return spending.allowance(alpha, place + 1) / 2
