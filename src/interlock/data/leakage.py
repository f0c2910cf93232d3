"""Whether rows that judge a model were there when it learned."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations

from interlock.data import identity
from interlock.data.identity import Hashes
from interlock.data.rows import Features, Rows
from interlock.errors import LeakageError

_FEW = 3
"""Pairs that a message names."""


def check(parts: Mapping[str, Rows]) -> None:
    """Refuse parts that share a row (the same features), or a group.

    Raises
    ------
    LeakageError
        Names the two parts and the rows, by their numbers in the source, or the groups.
    """
    shared = _shared(parts)
    keys = {name: _keys(rows.features, shared) for name, rows in parts.items()} if shared else {}
    for one, other in combinations(parts, 2):
        _refuse_groups(one, other, parts)
        if keys:
            _refuse_rows(one, other, parts, keys)


def _refuse_rows(
    one: str, other: str, parts: Mapping[str, Rows], keys: Mapping[str, Hashes]
) -> None:
    first = dict(zip(keys[one].tolist(), parts[one].index.tolist(), strict=True))
    twins = [
        (first[key], row)
        for key, row in zip(keys[other].tolist(), parts[other].index.tolist(), strict=True)
        if key in first
    ]
    if twins:
        named = _listed([f"row {a} of {one} is row {b} of {other}" for a, b in twins])
        raise LeakageError(
            f"{len(twins)} rows of {other} have the same features as rows of {one}: {named}."
            " Drop the duplicates, or give rows that belong together a group and split by it."
        )


def _refuse_groups(one: str, other: str, parts: Mapping[str, Rows]) -> None:
    groups = [parts[name].group for name in (one, other)]
    if groups[0] is None or groups[1] is None:
        return
    shared = sorted(set(groups[0].tolist()) & set(groups[1].tolist()), key=str)
    if shared:
        named = _listed([repr(group) for group in shared])
        raise LeakageError(
            f"{len(shared)} groups are in {one} and in {other}: {named}."
            ' Split by group: splits.by = "group".'
        )


def _shared(parts: Mapping[str, Rows]) -> list[str]:
    """The columns that all parts have, in one order: files lay the same rows out differently."""
    columns = [set(rows.features) for rows in parts.values()]
    return sorted(set.intersection(*columns), key=str) if columns else []


def _keys(features: Features, names: list[str]) -> Hashes:
    """One number a row, equal for equal features whatever their dtype and their last digits."""
    return identity.likenesses({name: features[name] for name in names})


def _listed(words: list[str]) -> str:
    return ", ".join(words[:_FEW]) + (f" and {len(words) - _FEW} more" if len(words) > _FEW else "")
