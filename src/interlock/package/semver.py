"""Semantic versions of models: what changed since the last package, and what that asks for.

*Major* when the signature is incompatible: a request that was valid may be refused now, or a
reader of the old answers would misread the new ones. In detail:

- an input is gone, or is of another kind, dtype, shape or unit;
- an input's range or length limit is narrower, or has one where it had none; a category lost a
  value; what could be null no longer can;
- there is a new input that may not be null;
- values outside a range are rejected now and were not before;
- the output is of another kind or unit, or its labels or steps are not the same in the same order.

*Minor* when requests and answers stay valid and yet the model is another one: a new nullable
input, a wider range, one more category value, another architecture or another preprocessing.

*Patch* when the recipe is the same and only what it learned differs.
"""

from __future__ import annotations

import enum
import math
import re
from collections.abc import Iterator
from typing import Literal, NamedTuple, TypeAlias

from interlock.errors import ConfigurationError, VersionError
from interlock.package.manifest import Manifest
from interlock.signature.schema import (
    Category,
    Classes,
    Input,
    Output,
    Signature,
    Tensor,
    Text,
    Vector,
    bounds,
    dtype,
)

Bump: TypeAlias = Literal["auto", "major", "minor", "patch"]
Triple: TypeAlias = tuple[int, int, int]

FIRST = "1.0.0"


class Level(enum.IntEnum):
    """How much of a change it is."""

    PATCH = 0
    MINOR = 1
    MAJOR = 2

    @property
    def word(self) -> str:
        return self.name.lower()


class Change(NamedTuple):
    """One difference between two packages, in words, and what it asks for."""

    level: Level
    words: str


class Decision(NamedTuple):
    """The version that a package gets, and the sentence that says why."""

    version: str
    reason: str


def parse(text: str) -> Triple:
    """The three numbers of a version; raises VersionError for anything but ``1.2.3``.

    >>> parse("1.10.0") > parse("1.9.3")
    True
    """
    if not re.fullmatch(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)", text):
        raise VersionError(f"{text!r} is not a semantic version such as 1.2.3")
    major, minor, patch = (int(part) for part in text.split("."))
    return major, minor, patch


def raised(version: str, level: Level) -> str:
    """The next version after `version` for a change of `level`.

    >>> raised("1.4.2", Level.MINOR)
    '1.5.0'
    """
    major, minor, patch = parse(version)
    match level:
        case Level.MAJOR:
            return f"{major + 1}.0.0"
        case Level.MINOR:
            return f"{major}.{minor + 1}.0"
        case Level.PATCH:
            return f"{major}.{minor}.{patch + 1}"


def decide(
    manifest: Manifest,
    signature: Signature,
    previous: tuple[Manifest, Signature] | None,
    *,
    version: str = "auto",
    bump: Bump = "auto",
) -> Decision:
    """The version of a new package, given the one before it.

    `manifest` describes the new package; its own version is not looked at. At most one of
    `version` and `bump` is anything but ``"auto"``.

    Raises
    ------
    VersionError
        When `version` or `bump` asks for less than the change needs.
    ConfigurationError
        When both are given, or the previous package is of another model.
    """
    if version != "auto" and bump != "auto":
        raise ConfigurationError(f"give a version ({version}) or a bump ({bump}), not both")
    if previous is None:
        return _first(version)
    before, old = previous
    if before.name != manifest.name:
        raise ConfigurationError(
            f"the previous package is of model {before.name!r}, not {manifest.name!r}"
        )
    found = list(changes(old, signature)) + list(_recipe(before, manifest))
    level = max((change.level for change in found), default=Level.PATCH)
    because = _because(level, found)
    if version != "auto":
        return _explicit(version, before.version, level, because)
    if bump != "auto" and Level[bump.upper()] < level:
        raise VersionError(
            f"a {bump} bump of {before.version} is too low: the change is {level.word}, {because}"
        )
    if bump != "auto":
        asked = Level[bump.upper()]
        chosen = raised(before.version, asked)
        return Decision(
            chosen, f"{chosen} after {before.version}: {asked.word}, as asked ({because})"
        )
    chosen = raised(before.version, level)
    return Decision(chosen, f"{chosen} after {before.version}: {level.word}, {because}")


def changes(old: Signature, new: Signature) -> Iterator[Change]:
    """Every difference between two signatures that a caller could notice."""
    before = {field.name: field for field in old.inputs}
    after = {field.name: field for field in new.inputs}
    for name, field in before.items():
        if name in after:
            yield from _input(field, after[name])
        else:
            yield Change(Level.MAJOR, f"input {name} is gone")
    for name, field in after.items():
        if name not in before:
            yield _new_input(field)
    yield from _policy(old, new)
    yield from _output(old.output, new.output)


def _first(version: str) -> Decision:
    chosen = FIRST if version == "auto" else version
    parse(chosen)
    return Decision(chosen, f"{chosen}: there is no previous package")


def _explicit(version: str, before: str, level: Level, because: str) -> Decision:
    lowest = raised(before, level)
    if parse(version) < parse(lowest):
        raise VersionError(
            f"version {version} is too low after {before}: the change is {level.word}, {because};"
            f" the lowest version that says so is {lowest}"
        )
    return Decision(version, f"{version} after {before}: as asked; {level.word}, {because}")


def _because(level: Level, found: list[Change]) -> str:
    weighty = [change.words for change in found if change.level == level]
    if not weighty:
        return "because the recipe is the same and only what it learned differs"
    more = f" (and {len(weighty) - 3} more)" if len(weighty) > 3 else ""
    return "because " + "; ".join(weighty[:3]) + more


def _recipe(old: Manifest, new: Manifest) -> Iterator[Change]:
    if old.source != new.source:
        yield Change(Level.MINOR, f"the model is a {new.source}, it was a {old.source}")
    if old.architecture != new.architecture:
        yield Change(Level.MINOR, "the architecture of the graph changed")
    if old.preprocessing != new.preprocessing:
        yield Change(Level.MINOR, "the preprocessing changed")


def _new_input(field: Input) -> Change:
    if getattr(field, "nullable", False):
        return Change(Level.MINOR, f"input {field.name} is new (it may be null)")
    return Change(Level.MAJOR, f"input {field.name} is new and required")


def _input(old: Input, new: Input) -> Iterator[Change]:
    before, after = _kind(old), _kind(new)
    if before != after:
        yield Change(Level.MAJOR, f"input {old.name} was {before} and is {after}")
        return
    if old.unit != new.unit:
        unit = f"unit {new.unit!r}, it was {old.unit!r}"
        yield Change(Level.MAJOR, f"input {old.name} has {unit}")
    yield from _nullable(old, new)
    yield from _limits(old, new)
    if isinstance(old, Category) and isinstance(new, Category):
        yield from _categories(old, new)


def _kind(field: Input) -> str:
    """Kind, dtype and shape as one word: ``tensor float32[140]``."""
    shape = str(list(field.shape)) if isinstance(field, Tensor) else ""
    return f"{type(field).__name__.lower()} {dtype(field)}{shape}"


def _nullable(old: Input, new: Input) -> Iterator[Change]:
    before, after = getattr(old, "nullable", False), getattr(new, "nullable", False)
    if before and not after:
        yield Change(Level.MAJOR, f"input {old.name} may no longer be null")
    if after and not before:
        yield Change(Level.MINOR, f"input {old.name} may be null now")


def _limits(old: Input, new: Input) -> Iterator[Change]:
    low, high = _interval(old)
    new_low, new_high = _interval(new)
    if new_low > low or new_high < high:
        yield Change(Level.MAJOR, f"input {old.name} has a narrower range")
    elif new_low < low or new_high > high:
        yield Change(Level.MINOR, f"input {old.name} has a wider range")


def _interval(field: Input) -> tuple[float, float]:
    """The declared range of a number, or of a text's length."""
    if isinstance(field, Text):
        return 0, math.inf if field.max_length is None else field.max_length
    return bounds(field) or (-math.inf, math.inf)


def _categories(old: Category, new: Category) -> Iterator[Change]:
    lost = [value for value in old.values if value not in new.values]
    gained = [value for value in new.values if value not in old.values]
    if lost:
        yield Change(Level.MAJOR, f"input {old.name} no longer takes {', '.join(lost)}")
    if gained:
        yield Change(Level.MINOR, f"input {old.name} takes {', '.join(gained)} too")


def _policy(old: Signature, new: Signature) -> Iterator[Change]:
    if old.out_of_range == new.out_of_range or not any(bounds(field) for field in new.inputs):
        return
    level = Level.MAJOR if new.out_of_range == "reject" else Level.MINOR
    was = f"out of range was {old.out_of_range!r} and is {new.out_of_range!r}"
    yield Change(level, was)


def _output(old: Output, new: Output) -> Iterator[Change]:
    if type(old) is not type(new):
        before, after = type(old).__name__.lower(), type(new).__name__.lower()
        yield Change(Level.MAJOR, f"the output was {before} and is {after}")
    elif _names(old) != _names(new):
        what = "labels" if isinstance(old, Classes) else "steps"
        yield Change(Level.MAJOR, f"the {what} or their order changed")
    elif getattr(old, "unit", "") != getattr(new, "unit", ""):
        yield Change(Level.MAJOR, "the output has another unit")


def _names(output: Output) -> tuple[str | int, ...]:
    match output:
        case Classes(labels=labels):
            return labels
        case Vector(steps=steps):
            return steps
    return ()
