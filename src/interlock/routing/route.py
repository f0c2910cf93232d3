"""The route of a deployment: which version answers which share, and which run in its shadow."""

from __future__ import annotations

import math
from typing import Literal, TypeAlias

import msgspec

ArmName: TypeAlias = Literal["champion", "canary", "a", "b", "blue", "green"]

LIVE = "live"
"""The arm of every answer of a deployment without a route: the one version that it has."""
FORCED = "forced"
"""The arm of what a caller asked a certain version for: nobody drew it, so nobody counts it."""
SHADOW = "shadow"
"""The arm of answers that no caller got."""
STEADY: tuple[str, ...] = (LIVE, "champion", "a", "blue")
"""What the arm of the version is called that is champion."""


class Arm(msgspec.Struct, frozen=True, kw_only=True):
    """A version that answers `share` of the requests; with a share of 0 it stays loaded."""

    name: ArmName
    version: str
    digest: str
    share: float


class Shadow(msgspec.Struct, frozen=True, kw_only=True):
    """A version that answers `share` of the requests a second time, to nobody but the journal."""

    version: str
    digest: str
    share: float = 1.0


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """Who answers the requests to `deployment`.

    A later route has a higher `revision`. `salt` decides which keys go where, so that each rollout
    draws anew.

    Examples
    --------
    >>> Route(deployment="ecg", revision=1, salt="x", arms=())
    Traceback (most recent call last):
    ValueError: the shares of ecg are 0 together, not 1
    """

    deployment: str
    revision: int
    salt: str
    arms: tuple[Arm, ...]
    shadows: tuple[Shadow, ...] = ()

    def __post_init__(self) -> None:
        total = math.fsum(arm.share for arm in self.arms)
        shares = [arm.share for arm in self.arms] + [one.share for one in self.shadows]
        if abs(total - 1) > 1e-9 or not all(0 <= share <= 1 for share in shares):
            raise ValueError(f"the shares of {self.deployment} are {total:g} together, not 1")
        if len({arm.name for arm in self.arms}) < len(self.arms):
            raise ValueError(f"two arms of {self.deployment} have one name")

    @property
    def steady(self) -> Arm:
        """The arm of the champion: the rest is what a rollout tries."""
        return next((arm for arm in self.arms if arm.name in STEADY), self.arms[-1])
