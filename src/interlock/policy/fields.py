"""What the types of a policy say of every table and key: for whoever shows or explains it."""

from __future__ import annotations

import typing
from collections.abc import Iterator
from functools import cache
from typing import Any

import msgspec

from interlock.policy.policy import Policy
from interlock.policy.reading import allowed
from interlock.policy.table import Table, keys


class Field(msgspec.Struct, frozen=True):
    """One key of a table."""

    name: str
    meaning: str
    allowed: str
    required: bool
    default: Any


def tables(kind: type[Table] = Policy, where: str = "") -> Iterator[tuple[str, type[Table]]]:
    """Name and type of every table that holds values, in the order of the file.

    >>> [name for name, _kind in tables()][:3]
    ['model', 'package', 'data']
    """
    for name, field in keys(kind).items():
        if isinstance(field.type, type) and issubclass(field.type, Table):
            if fields(field.type):
                yield f"{where}{name}", field.type
            yield from tables(field.type, f"{where}{name}.")


@cache
def fields(kind: type[Table]) -> tuple[Field, ...]:
    """The keys of a table that hold values, not tables."""
    found = []
    for field in keys(kind).values():
        if metas := typing.get_args(field.type)[1:]:
            meaning = next(meta.description for meta in metas if meta.description)
            rule, default = allowed(field.type), _default(field)
            found.append(Field(field.name, meaning, rule, field.required, default))
    return tuple(found)


def _default(field: msgspec.structs.FieldInfo) -> Any:
    if field.required:
        return None
    if field.default_factory is not msgspec.NODEFAULT:
        return field.default_factory()
    return field.default
