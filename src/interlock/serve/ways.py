"""The ways into a deployment: which version's door a request goes through."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TypeAlias

from msgspec.structs import replace
from uuid_utils import uuid7

from interlock.journal.hashing import Hasher
from interlock.routing.pick import Draw, Pick
from interlock.routing.route import FORCED, LIVE, SHADOW, Route
from interlock.serve.doors import V2, Plain
from interlock.serve.lineup import Lineup, not_served
from interlock.serve.served import Served
from interlock.serve.shadow import Lane, Shadowing
from interlock.serve.turn import Posted

Made: TypeAlias = Plain | V2
Make: TypeAlias = Callable[[Served, str | None], Made]
Lanes: TypeAlias = Mapping[Served, Lane]


class Ways:
    """The doors of one kind: one for each version that may be asked for, one for each arm."""

    def __init__(self, make: Make, versions: Iterable[Served]) -> None:
        self._make = make
        self._forced = {served.version: make(served, FORCED) for served in versions}
        self._arms: dict[str, Made] = {}

    def share(self, lineup: Lineup, route: Route, hasher: Hasher, lanes: Lanes) -> None:
        """Have `route` choose where no version is asked for."""
        shadows = _shadows(self._make, lineup, route, lanes)
        self._arms = {arm.name: self._make(lineup.find(arm.digest), arm.name) for arm in route.arms}
        for door in self._arms.values():
            door.shadows = shadows
        self._pick = Pick(route)
        self._hash = hasher.hash

    @property
    def inline(self) -> bool:
        """Whether any version may answer in the event loop."""
        return any(door.served.inline_rows for door in self._forced.values())

    def choose(self, posted: Posted) -> Posted:
        """`posted` at the door of the version that is to answer it.

        Raises
        ------
        VersionNotFoundError
            When a version is asked for that is not loaded.
        """
        headers = posted.headers
        if headers.version is not None:
            return replace(posted, door=self._of(headers.version))
        if not self._arms:
            return posted
        id_ = str(uuid7())
        token = self._hash(headers.key, "key") if headers.key else id_.encode()
        return replace(posted, door=self._arms[self._pick(token).name], id=id_, token=token)

    def _of(self, version: str) -> Made:
        if version not in self._forced:
            name = next(iter(self._forced.values())).served.name
            raise not_served(name, self._forced, version)
        return self._forced[version]


def entry(make: Make, lineup: Lineup, hasher: Hasher | None, lanes: Lanes) -> Made:
    """The door of a deployment, at which its route, if it has one, chooses the version."""
    ways = Ways(make, lineup.versions)
    if lineup.route is None or hasher is None:
        return _with_ways(make, lineup.main, LIVE, ways)
    ways.share(lineup, lineup.route, hasher, lanes)
    return _with_ways(make, lineup.main, None, ways)


def fixed(make: Make, lineup: Lineup) -> dict[str, Made]:
    """A door for each version by itself."""
    arm = LIVE if lineup.route is None else FORCED
    return {
        served.version: _with_ways(make, served, arm, Ways(make, [served]))
        for served in lineup.versions
    }


def _with_ways(make: Make, served: Served, arm: str | None, ways: Ways) -> Made:
    door = make(served, arm)
    door.ways = ways
    return door


def _shadows(make: Make, lineup: Lineup, route: Route, lanes: Lanes) -> list[Shadowing]:
    found = []
    for shadow in route.shadows if lanes else ():
        served = lineup.find(shadow.digest)
        draw = Draw(route.salt, SHADOW) if shadow.share < 1 else None
        found.append(Shadowing(lanes[served], make(served, SHADOW), shadow.share, draw))
    return found
