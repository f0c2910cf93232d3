"""Watching references for a change of the version that they mean."""

from __future__ import annotations

from collections.abc import Sequence

import structlog

from interlock.errors import RegistryError
from interlock.registry.store import Registry
from interlock.registry.version import Version

_log = structlog.get_logger("interlock.registry")


class Watch:
    """What references mean, look by look.

    A registry that is away, or an alias that is gone, changes nothing: it is logged once when it
    begins and once when it ends, and what was last known stays in force. A move that was made
    behind our back is put into the history when it is seen here.
    """

    def __init__(self, registry: Registry, references: Sequence[str]) -> None:
        self._registry = registry
        self._references = references
        self.known: dict[str, Version] = {}
        self._away: set[str] = set()

    def look(self) -> dict[str, Version]:
        """What changed since the last look, by reference; at first, where every one is."""
        changed = {}
        for reference in self._references:
            version = _resolve(self._registry, reference, self._away)
            if version is not None and _differs(version, self.known.get(reference)):
                changed[reference] = version
        self.known |= changed
        if changed:
            _record(self._registry, changed)
        return changed


def _resolve(registry: Registry, reference: str, away: set[str]) -> Version | None:
    try:
        version = registry.resolve(reference)
    except RegistryError as error:
        if reference not in away:
            _log.warning("registry_away", reference=reference, reason=str(error))
        away.add(reference)
        return None
    if reference in away:
        _log.info("registry_back", reference=reference, version=version.version)
    away.discard(reference)
    return version


def _differs(version: Version, known: Version | None) -> bool:
    # Not the whole struct: another alias on the same version changes nothing for who serves it.
    return known is None or version.digest != known.digest


def _record(registry: Registry, changed: dict[str, Version]) -> None:
    for name in sorted({version.name for version in changed.values()}):
        try:
            registry.look(name)
        except RegistryError as error:
            # Serving the new version must not wait for the history; the next look catches up.
            _log.warning("history_away", model=name, reason=str(error))
