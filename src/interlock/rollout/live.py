"""What is live: whether the champion is still the one that a rollout began with."""

from __future__ import annotations

from typing import Literal, NamedTuple

from interlock.errors import RegistryError, UnknownError
from interlock.registry import Reference, Registry
from interlock.registry.reference import CHAMPION
from interlock.state.rollouts import Record


class Live(NamedTuple):
    """The champion beside a rollout.

    When it has `moved`, the rollout is over: `status` says how, `sentence` why. `blind` says why
    the registry could not be asked; then nothing is known to have moved.
    """

    moved: bool = False
    status: Literal["promoted", "aborted"] = "aborted"
    sentence: str = ""
    blind: str = ""


def look(registry: Registry, rollout: Record) -> Live:
    """Ask the registry who is champion."""
    name = rollout.deployment
    try:
        champion = registry.resolve(Reference(name=name, alias=CHAMPION))
    except UnknownError:
        return Live(True, "aborted", f"aborted: nothing is champion of {name} any more")
    except RegistryError as error:
        return Live(blind=str(error))
    if champion.digest == rollout.champion_digest:
        return Live()
    if champion.digest == rollout.digest:
        how = "promoted" if rollout.status == "promoting" else "promoted by a person meanwhile"
        return Live(True, "promoted", f"{champion} is champion: {how}")
    return Live(
        True,
        "aborted",
        f"aborted: {champion} became champion meanwhile, and {rollout.version} was compared with"
        f" {rollout.champion}",
    )
