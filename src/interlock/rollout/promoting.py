"""Promoting: the alias follows the traffic. Asked again, it does no more than once."""

from __future__ import annotations

from contextlib import suppress
from typing import NamedTuple

from interlock.errors import ConflictError, PromotionError, RegistryError
from interlock.registry import Registry
from interlock.registry.reference import CHAMPION
from interlock.rollout import rules
from interlock.state.rollouts import Record


class Refusal(NamedTuple):
    """Why a version did not become champion. A `final` one is the same when asked again."""

    sentence: str
    final: bool


def promote(registry: Registry, rollout: Record) -> Refusal | None:
    """Make the version champion, which has all of the traffic by now; None when that is done."""
    forced = rules.read(rollout.policy).forced
    reason = f"rollout {rollout.id} ({rollout.strategy}): {rollout.reason or 'by the evidence'}"
    try:
        registry.promote(rollout.deployment, rollout.version, CHAMPION, reason=reason, force=forced)
    except RegistryError as error:
        return Refusal(refused(rollout, str(error)), final=isinstance(error, PromotionError))
    return None


def refused(rollout: Record, why: str) -> str:
    """How it is told that a version did not become champion."""
    return f"{rollout.version} has all of the traffic, but cannot become champion: {why}"


def undo(registry: Registry, rollout: Record) -> None:
    """Take back what `promote` has done, unless somebody else has moved the champion since."""
    name, reason = rollout.deployment, f"rollout {rollout.id} was ended while it was promoted"
    with suppress(ConflictError):
        registry.rollback(name, reason, of=rollout.digest)
