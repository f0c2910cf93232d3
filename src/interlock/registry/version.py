"""One version of a model as the registry knows it: plain frozen data."""

from __future__ import annotations

import msgspec


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """One registered package.

    `version` is its semantic version, `number` what MLflow calls it, `digest` the package's
    (``sha256:…``). `metrics` are by split, then by name. `parents` are digests of the packages
    that it follows. `forced` are those of its aliases that were put there without evidence,
    `foreign` those that take some and were put there without Interlock; only `Registry.versions`
    fills them in. `created` is UTC in ISO 8601; `run` is the MLflow run with its
    files.
    """

    name: str
    version: str
    number: int
    digest: str
    aliases: tuple[str, ...] = ()
    forced: tuple[str, ...] = ()
    foreign: tuple[str, ...] = ()
    metrics: dict[str, dict[str, float]] = {}
    parents: tuple[str, ...] = ()
    created: str
    run: str

    def __str__(self) -> str:
        return f"{self.name}:{self.version}"
