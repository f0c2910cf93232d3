"""Routes as a controller writes them: into the database, while a server runs."""

from __future__ import annotations

import time
from pathlib import Path

import msgspec

from interlock.registry import Reference, Registry
from interlock.routing.route import Arm, ArmName, Route, Shadow
from interlock.settings import Settings
from interlock.state import database, routes, schema
from interlock.state.routes import Kept


class Table:
    """The route of `name` in the database of `home`, between two versions."""

    def __init__(
        self,
        home: Path,
        registry: Registry,
        name: str = "beat",
        versions: tuple[str, str] = ("1.0.0", "1.0.1"),
    ) -> None:
        self.name = name
        self.versions = versions
        self.engine = database.connect(Settings(home=home))
        schema.ensure(self.engine)
        self._registry = registry

    def route(
        self,
        share: float,
        names: tuple[ArmName, ArmName] = ("champion", "canary"),
        shadow: float | None = None,
        digest: str = "",
    ) -> Route:
        """The first is champion; the other answers `share`, or runs in the `shadow` of a share."""
        champion, other = self.versions
        old, new = self._digest(champion), digest or self._digest(other)
        arms = [Arm(name=names[0], version=champion, digest=old, share=1 - share)]
        if shadow is None:
            arms.append(Arm(name=names[1], version=other, digest=new, share=share))
        return Route(
            deployment=self.name,
            revision=time.time_ns() // 1000,
            salt="rollout",
            arms=tuple(arms),
            shadows=(Shadow(version=other, digest=new, share=shadow),) if shadow else (),
        )

    def write(self, route: Route) -> None:
        document = msgspec.json.encode(route).decode()
        moment = route.revision
        kept = Kept(deployment=self.name, revision=moment, document=document, moment=moment)
        with self.engine.begin() as connection:
            routes.write(connection, kept)

    def remove(self) -> None:
        with self.engine.begin() as connection:
            routes.remove(connection, self.name)

    def _digest(self, version: str) -> str:
        return self._registry.resolve(Reference(name=self.name, version=version)).digest
