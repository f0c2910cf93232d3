"""What every table of a policy has in common."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import msgspec


class Table(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table of the file: its fields are the keys allowed, those without default are needed.

    A field's type says what is allowed (its title) and what the field means (its description).
    """

    def contradictions(self) -> Iterator[str]:
        """What is wrong with values that are right one by one; sentences that name the keys."""
        yield from ()


@cache
def keys(kind: type[Table]) -> dict[str, msgspec.structs.FieldInfo]:
    """The keys of a table by name: worked out once, because resolving types takes its time."""
    return {field.name: field for field in msgspec.structs.fields(kind)}
