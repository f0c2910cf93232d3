"""The registry: which versions there are, which alias is on which, and who moved it when and why.

It is MLflow's model registry (embedded in SQLite unless a tracking URI is set) with a history
of our own beside it. `Registry` is the way in; `Cache` holds what was pulled and needs no MLflow.
MLflow is imported when a registry is first asked something, never before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from interlock.registry.cache import Cache
from interlock.registry.evidence import Evidence
from interlock.registry.looks import Look
from interlock.registry.periods import Period
from interlock.registry.reference import Reference, parse
from interlock.registry.standing import Standing, Status
from interlock.registry.store import Registry
from interlock.registry.version import Version

if TYPE_CHECKING:
    from interlock.registry.watch import Watch

__all__ = [
    "Cache",
    "Evidence",
    "Look",
    "Period",
    "Reference",
    "Registry",
    "Standing",
    "Status",
    "Version",
    "Watch",
    "parse",
]


def __getattr__(name: str) -> Any:
    """`Watch`, which loads the log's library: only servers watch."""
    if name != "Watch":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from interlock.registry.watch import Watch  # noqa: PLC0415 - see above

    return Watch
