"""The routes of deployments as the database has them, and what is served by them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping

import msgspec
import structlog

from interlock.errors import DatabaseError, FormatError, IntegrityError
from interlock.registry import Registry, parse
from interlock.registry.reference import CHAMPION
from interlock.routing.route import Route
from interlock.serve import table
from interlock.serve.table import Deployment
from interlock.settings import Settings
from interlock.state import database, routes, schema

_log = structlog.get_logger()


class Routes:
    """What was last known of the routes. `known` is what to begin with.

    A database that is away changes nothing: that is logged once when it begins and once when it
    ends.
    """

    def __init__(self, current: Settings, known: Mapping[str, Route] | None = None) -> None:
        self._engine = database.connect(current)
        self._every = current.watch
        self._prepared = False
        self._away = False
        self.known = dict(known or {})

    def look(self) -> None:
        """Ask the database."""
        try:
            self.known = self._read()
        except (DatabaseError, FormatError) as error:
            if not self._away:
                _log.warning("routes cannot be read; the last known hold", reason=str(error))
            self._away = True
            return
        if self._away:
            _log.info("routes can be read again")
        self._away = False

    def keep_looking(self, changed: Callable[[], None]) -> None:
        """Look for ever, in a thread: a database that hangs must not keep aliases from moving."""
        threading.Thread(target=self._keep, args=(changed,), name="routes", daemon=True).start()

    def _keep(self, changed: Callable[[], None]) -> None:
        while True:
            before = self.known
            self.look()
            if self.known != before:
                changed()
            time.sleep(self._every)

    def _read(self) -> dict[str, Route]:
        """Routes by deployment; none where nobody has made tables yet: we never do."""
        if not self._prepared:
            self._prepared = schema.there(self._engine)
        if not self._prepared:
            return {}
        with self._engine.connect() as connection:
            return {kept.deployment: _route(kept) for kept in routes.everything(connection)}


def served(
    registry: Registry,
    reference: str,
    route: Route | None,
    *,
    at_hand: Iterable[Deployment] = (),
    digest: str | None = None,
) -> Deployment:
    """What is served for `reference`: the version that it means, or all those of its route.

    A route is for whoever follows the champion. Versions that are `at_hand` are not checked again.
    With the `digest` of what the reference meant when it was last asked, that is as good as
    asking: the way back from a route needs no registry.

    Raises
    ------
    PackageError, RegistryError
        When a version cannot be had, or is not the one that the route names.
    """
    named = parse(reference)
    known = {one.digest: one for one in at_hand if one.name == named.name}
    if route is None or named.alias != CHAMPION:
        if digest in known:
            return msgspec.structs.replace(known[digest], reference=reference)
        return table.describe(registry.pull(reference), reference)
    wanted = {route.steady.digest: route.steady.version}
    wanted |= {arm.digest: arm.version for arm in route.arms}
    wanted |= {shadow.digest: shadow.version for shadow in route.shadows}
    main, *beside = [
        known.get(digest) or _fetched(registry, route.deployment, version, digest)
        for digest, version in wanted.items()
    ]
    return msgspec.structs.replace(main, reference=reference, route=route, beside=tuple(beside))


def _fetched(registry: Registry, name: str, version: str, digest: str) -> Deployment:
    found = table.describe(registry.pull(f"{name}:{version}"), f"{name}:{version}")
    if found.digest != digest:
        raise IntegrityError(
            f"the route of {name} names version {version} as {digest}, but the registry has"
            f" {found.digest}"
        )
    return found


def _route(kept: routes.Kept) -> Route:
    try:
        return msgspec.json.decode(kept.document, type=Route)
    except msgspec.DecodeError as error:
        raise FormatError(f"the route of {kept.deployment}: {error}") from error
