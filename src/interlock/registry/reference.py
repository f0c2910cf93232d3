"""References: how people and settings name a version of a model.

``ecg`` and ``ecg@champion`` follow an alias, ``ecg:1.2.0`` is one version for ever, and
``ecg@sha256:…`` is one package for ever.
"""

from __future__ import annotations

import re

import msgspec

from interlock.errors import ConfigurationError
from interlock.policy import NAME

CHAMPION = "champion"
TARGETS = ("staging", CHAMPION)
"""Aliases that need evidence."""

_VERSION = re.compile(r"\d+\.\d+\.\d+")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_ALIAS = re.compile(r"[A-Za-z0-9_-]{1,255}")
# MLflow keeps these for itself: "models:/ecg@v1" and "@latest" have a meaning of their own there.
_RESERVED_ALIAS = re.compile(r"(?i:v\d+|latest)")


class Reference(msgspec.Struct, frozen=True, kw_only=True):
    """A model's name with exactly one of alias, semantic version and digest.

    >>> str(Reference(name="ecg", version="1.2.0"))
    'ecg:1.2.0'
    """

    name: str
    alias: str | None = None
    version: str | None = None
    digest: str | None = None

    @property
    def fixed(self) -> bool:
        """Whether it means the same package for ever; an alias can move."""
        return self.alias is None

    def __str__(self) -> str:
        if self.version is not None:
            return f"{self.name}:{self.version}"
        return f"{self.name}@{self.alias or self.digest}"


def parse(text: str) -> Reference:
    """Read ``NAME``, ``NAME@alias``, ``NAME:1.2.0`` or ``NAME@sha256:…``; plain is the champion.

    Raises
    ------
    ConfigurationError
        When it is none of them.

    Examples
    --------
    >>> parse("ecg").alias, parse("ecg@staging").alias, parse("ecg:1.0.0").version
    ('champion', 'staging', '1.0.0')
    >>> parse("ecg@latest")
    Traceback (most recent call last):
    interlock.errors.ConfigurationError: 'latest' cannot be an alias: MLflow keeps it for itself ...
    """
    name = check_name(re.split("[@:]", text, maxsplit=1)[0])
    mark, rest = text[len(name) : len(name) + 1], text[len(name) + 1 :]
    if not mark:
        return Reference(name=name, alias=CHAMPION)
    if mark == ":":
        return Reference(name=name, version=check_version(rest))
    if _DIGEST.fullmatch(rest):
        return Reference(name=name, digest=rest)
    return Reference(name=name, alias=check_alias(rest))


def check_name(name: str) -> str:
    """`name` itself, when a model can be called so; ConfigurationError otherwise."""
    if not re.search(NAME, name):
        raise ConfigurationError(
            f"{name!r} is not a model's name: use letters, digits, '.', '_' and '-'"
            " (ecg, ecg@champion, ecg:1.2.0)"
        )
    return name


def check_version(version: str) -> str:
    """`version` itself, when it is a semantic version; ConfigurationError otherwise."""
    if not _VERSION.fullmatch(version):
        raise ConfigurationError(f"{version!r} is not a semantic version such as 1.2.0")
    return version


def check_alias(alias: str) -> str:
    """`alias` itself, when MLflow accepts it as one; ConfigurationError otherwise."""
    if _RESERVED_ALIAS.fullmatch(alias):
        raise ConfigurationError(
            f"{alias!r} cannot be an alias: MLflow keeps it for itself"
            " (as it does 'latest', 'v1', 'v2' …). Take champion, challenger, staging or the like."
        )
    if not _ALIAS.fullmatch(alias):
        raise ConfigurationError(
            f"{alias!r} cannot be an alias: use letters, digits, '_' and '-', at most 255 of them"
        )
    if alias not in TARGETS and alias.lower() in TARGETS:
        raise ConfigurationError(
            f"{alias!r} cannot be an alias: it would be read as {alias.lower()}, which takes"
            " evidence. Write it in small letters, or take another word."
        )
    return alias
