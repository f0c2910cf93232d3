"""What a version in MLflow says of the package that it is: tags, written and read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import NamedTuple, TypeVar

import msgspec

from interlock.errors import RegistryError
from interlock.package import Package
from interlock.registry import moment
from interlock.registry.version import Version

VERSION = "interlock.version"
DIGEST = "interlock.digest"
PARENTS = "interlock.parents"
METRICS = "interlock.metrics"
GATES = "interlock.gates"

Kind = TypeVar("Kind")


class Facts(NamedTuple):
    """What MLflow knows of one version; `created` is in milliseconds since 1970."""

    name: str
    number: int
    created: int
    run: str | None
    tags: Mapping[str, str]
    aliases: Iterable[str]


def tags(package: Package) -> dict[str, str]:
    """The tags of the version that is `package`."""
    manifest = package.manifest
    return {
        VERSION: manifest.version,
        DIGEST: package.digest,
        PARENTS: msgspec.json.encode(manifest.parents).decode(),
        METRICS: msgspec.json.encode(manifest.metrics).decode(),
    }


def read(facts: Facts) -> Version | None:
    """The version; None where Interlock did not register it.

    Raises
    ------
    RegistryError
        When a tag was edited so that it cannot be read.
    """
    if DIGEST not in facts.tags or VERSION not in facts.tags:
        return None
    created = datetime.fromtimestamp(facts.created / 1000, UTC)
    return Version(
        name=facts.name,
        version=facts.tags[VERSION],
        number=facts.number,
        digest=facts.tags[DIGEST],
        aliases=tuple(sorted(facts.aliases)),
        metrics=_tag(facts, METRICS, "{}", dict[str, dict[str, float]]),
        parents=_tag(facts, PARENTS, "[]", tuple[str, ...]),
        created=moment.text(created),
        run=facts.run or "",
    )


def on(aliases: Mapping[str, int], number: int) -> tuple[str, ...]:
    """Those of a model's `aliases` that are on the version `number`."""
    return tuple(alias for alias, at in aliases.items() if at == number)


def _tag(facts: Facts, key: str, default: str, kind: type[Kind]) -> Kind:
    try:
        return msgspec.json.decode(facts.tags.get(key, default), type=kind)
    except msgspec.DecodeError as error:
        raise RegistryError(
            f"the tag {key} of {facts.name}, version {facts.number} in MLflow, was edited:"
            f" {error}. Delete that tag, or write back what it was."
        ) from error
