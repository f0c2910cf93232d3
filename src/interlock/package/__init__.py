"""The package: one directory that holds one version of a model and everything said about it.

Reading (`read`, `verify`) needs nothing but the base install; `build` imports the converters
and MLflow, and so is loaded only when it is asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from interlock.package.manifest import (
    Code,
    DataFingerprint,
    Manifest,
    Parity,
)
from interlock.package.reader import Golden, Package, read, verify
from interlock.package.seen import Seen

if TYPE_CHECKING:
    from interlock.package.builder import build as build

__all__ = [
    "Code",
    "DataFingerprint",
    "Golden",
    "Manifest",
    "Package",
    "Parity",
    "Seen",
    "build",
    "read",
    "verify",
]


def __getattr__(name: str) -> Any:
    if name == "build":
        from interlock.package.builder import build  # noqa: PLC0415

        return build
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
