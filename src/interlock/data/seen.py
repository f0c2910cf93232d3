"""Rows that trained or chose a model do not judge it, whatever a policy says by then."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from interlock.data import identity
from interlock.data.rows import Array, Rows
from interlock.errors import EvidenceError, LeakageError
from interlock.package import Package, Seen, manifest

UNKNOWN = "unknown: its package does not say which rows those were"
_NONE = np.empty(0, np.uint64)
_FORMS: dict[int, Callable[[Mapping[str, Any]], Array]] = {
    1: identity.hashes,
    2: partial(identity.likenesses, text=False),
    3: identity.likenesses,
}
"""What the hashes of a package are of; see `interlock.package.manifest.Seen`."""


def record(parts: Mapping[str, Rows], *, group: str = "") -> Seen:
    """What a package keeps of the rows in `parts`, by features; and of their groups.

    `group` is the name of the column that their groups are in.
    """
    columns = tuple(sorted(_named(next(iter(parts.values())))))
    rows = [identity.likenesses(part.features) for part in parts.values()]
    owners = [part.group for part in parts.values() if part.group is not None]
    hashed = np.unique(np.concatenate(rows))
    told = [identity.likenesses({"group": one}) for one in owners]
    groups = np.unique(np.concatenate(told)) if told else _NONE
    facts = manifest.Seen(
        parts={name: len(part) for name, part in parts.items()},
        columns=columns,
        rows=len(hashed),
        group=group if owners else "",
        groups=len(groups),
        form=3,
    )
    return Seen(facts, hashed, groups)


def refuse(rows: Rows, package: Package, part: str) -> str:
    """Refuse `rows` of `part` that the model in `package` has seen; else say what is known of it.

    Raises
    ------
    LeakageError
        Says how many rows, or groups, they are, and what to do.
    EvidenceError
        When they lack a column that seen rows are recognised by.
    """
    seen = package.seen()
    if seen is None:
        return UNKNOWN
    who = f"{package.name}:{package.version}"
    columns = {name: _column(rows, name, part, who) for name in seen.facts.columns}
    _refuse(np.isin(_FORMS[seen.facts.form](columns), seen.rows), f"{part} rows", who)
    if seen.facts.group:
        owners = _column(rows, seen.facts.group, part, who)
        groups = np.unique(_FORMS[seen.facts.form]({"group": owners}))
        _refuse(np.isin(groups, seen.groups), f"groups of {part} rows", who)
    return "none"


def among(rows: Rows, package: Package) -> NDArray[np.bool_]:
    """For each row whether the model in `package` has seen it; False where it does not say."""
    known = package.seen()
    columns = {**rows.columns, **_named(rows)}
    if known is None or not set(known.facts.columns) <= columns.keys():
        return np.zeros(len(rows), bool)
    told = {name: columns[name] for name in known.facts.columns}
    return np.isin(_FORMS[known.facts.form](told), known.rows)


def hashed(rows: Rows, names: Sequence[str]) -> Array | None:
    """One number a row by the columns of these names; None when the rows lack one of them."""
    known = {**rows.columns, **_named(rows)}
    if not set(names) <= known.keys():
        return None
    return identity.likenesses({name: known[name] for name in names})


def _refuse(known: Array, what: str, who: str) -> None:
    if known.any():
        raise LeakageError(
            f"{known.sum():,} of {len(known):,} {what} are among those that {who} was trained on or"
            " chosen by. Judge it by rows that it has not seen: go back to the data and [splits] of"
            " its training, or name a file of fresh rows. Where data grow, split by time or with"
            ' splits.assign = "hash": then no row that was seen ever comes to judge.'
        )


def _column(rows: Rows, name: str, part: str, who: str) -> Any:
    found = {**rows.columns, **_named(rows)}
    if name not in found:
        raise EvidenceError(
            f"the {part} rows have no column {name!r}, by which the rows that {who} has seen are"
            " recognised: add it to them"
        )
    return found[name]


def _named(rows: Rows) -> dict[str, Any]:
    return {str(name): rows.features[name] for name in rows.features}
