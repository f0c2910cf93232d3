"""Which rows train, which choose, and which judge: by row, by time, or by group."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from interlock.data import identity
from interlock.data.rows import Array, Rows
from interlock.errors import ConfigurationError, EvidenceError
from interlock.evidence.splits import stratified
from interlock.policy import Policy

_Positions: TypeAlias = dict[str, NDArray[np.int64]]
_MOST_CLASSES = 50
_FEW = 3
"""Classes that a message names."""


def split(rows: Rows, policy: Policy) -> dict[str, Rows]:
    """`rows` as the parts that ``[splits]`` asks for; a part with fraction 0 is not there.

    By row, every class (or, for hazards, every kind of end) has its share in each part. By time,
    parts follow each other, the first in train, the last in staging; rows of one moment stay
    together. By group, whole groups go to one part, so that sizes and classes come near to what
    was asked for. With ``assign = "hash"`` a row (or group) goes where a hash of it says, whatever
    other rows there are; shares are then met by chance. A class of which a part has no row is
    warned of.

    Raises
    ------
    ConfigurationError
        When the policy splits by a column that ``[data]`` does not name.
    EvidenceError
        When there are too few rows, moments or groups for the parts.
    """
    rules = policy.splits
    fractions = {name: share for name, share in rules.shares().items() if share > 0}
    if rules.by == "time":
        found = by_time(_needed(rows.time, "time"), fractions)
    elif rules.assign == "hash":
        found = by_hash(_hashed(rows, rules.by), fractions, rules.seed, f"{rules.by}s")
    elif rules.by == "group":
        group = _needed(rows.group, "group")
        found = by_group(group, classes(rows), fractions, rules.seed)
    else:
        found = _by_row(classes(rows), fractions, rules.seed)
    if rules.by != "time":
        _warn_of_absent(classes(rows), found)
    return {name: rows.take(positions) for name, positions in found.items()}


def classes(rows: Rows) -> Array:
    """What splits are stratified by: labels; for hazards whether the end was seen; else nothing."""
    if rows.event is not None:
        return rows.event
    truth = rows.truth
    words = truth.dtype.kind in "OUSb"
    # Whole numbers are labels when there are few of them; else they count or measure something.
    few = truth.dtype.kind in "iu" and len(np.unique(truth)) <= _MOST_CLASSES
    if truth.ndim == 1 and (words or few):
        return truth
    return np.zeros(len(truth), np.int64)


def by_time(time: Array, fractions: Mapping[str, float]) -> _Positions:
    """Parts that follow each other in time, cut where it comes nearest to the fractions.

    >>> parts = by_time(np.array([3, 1, 2, 2]), {"train": 0.6, "test": 0.4})
    >>> {name: rows.tolist() for name, rows in parts.items()}
    {'train': [1, 2, 3], 'test': [0]}
    """
    moments, place = np.unique(time, return_inverse=True)
    ends = np.cumsum(np.bincount(place))
    goals = np.cumsum(list(fractions.values()))[:-1] * len(time)
    cuts = [int(np.argmin(np.abs(ends - goal))) + 1 for goal in goals]
    part_of = np.searchsorted(cuts, np.arange(len(moments)), side="right")[place]
    return _positions(part_of, fractions, f"{len(moments)} moments")


def by_group(group: Array, labels: Array, fractions: Mapping[str, float], seed: int) -> _Positions:
    """Whole groups shared out, the largest first, each to the part that lacks its rows most.

    >>> groups, labels = np.array(["a", "a", "b", "c"]), np.zeros(4)
    >>> parts = by_group(groups, labels, {"train": 0.5, "test": 0.5}, seed=0)
    >>> parts["train"].tolist(), parts["test"].tolist()
    ([0, 1], [2, 3])
    """
    names, member = np.unique(group, return_inverse=True)
    counts = _counts(member, labels)
    goal = np.outer(list(fractions.values()), counts.sum(axis=0))
    have, part_of = np.zeros_like(goal), np.zeros(len(names), np.int64)
    shuffled = np.random.RandomState(seed).permutation(len(names))
    order = shuffled[np.argsort(-counts[shuffled].sum(axis=1), kind="stable")]
    for left, chosen in zip(range(len(order), 0, -1), order, strict=True):
        more = counts[chosen]
        # How much nearer to its goal, class by class, would each part come (chi-square distance)?
        cost = (more * (2 * (have - goal) + more) / goal).sum(axis=1)
        empty = have.sum(axis=1) == 0
        if left <= empty.sum():
            cost[~empty] = np.inf
        part_of[chosen] = np.argmin(cost)
        have[part_of[chosen]] += more
    return _positions(part_of[member], fractions, f"{len(names)} groups")


def by_hash(
    keys: Mapping[str, Any], fractions: Mapping[str, float], seed: int, what: str = "rows"
) -> _Positions:
    """Each row where a hash of its `keys` and the seed says: equal ones together, and for good.

    >>> names = [f"patient {number}" for number in range(1000)]
    >>> parts = by_hash({"group": names}, {"train": 0.8, "test": 0.2}, seed=0)
    >>> more = by_hash({"group": [*names, "one more"]}, {"train": 0.8, "test": 0.2}, seed=0)
    >>> set(parts["train"]) <= set(more["train"]), len(parts["test"])
    (True, 209)
    """
    place = identity.hashes(keys, seed=seed)
    share = place.astype(np.float64) / 2.0**64
    part_of = np.searchsorted(np.cumsum(list(fractions.values()))[:-1], share, side="right")
    return _positions(part_of, fractions, f"{len(np.unique(place))} different {what}")


def _hashed(rows: Rows, by: str) -> Mapping[str, Any]:
    return {"group": _needed(rows.group, "group")} if by == "group" else rows.features


def _by_row(labels: Array, fractions: Mapping[str, float], seed: int) -> _Positions:
    try:
        return stratified(labels, fractions, seed)
    except EvidenceError as error:
        counted = zip(*np.unique(labels, return_counts=True), strict=True)
        small = [f"{name} has {count}" for name, count in counted]
        if len(labels) < len(fractions) or len(small) < 2:
            raise
        raise EvidenceError(
            f"{error}, because each class is shared out by itself, and of {len(small)} classes"
            f" {_listed(small)}. Put small classes together, drop them, or ask for fewer parts"
        ) from None


def _warn_of_absent(labels: Array, found: _Positions) -> None:
    """Say which classes a part has no row of: nothing there can tell how they are answered."""
    names, codes = np.unique(labels, return_inverse=True)
    counts = {part: np.bincount(codes[rows], minlength=len(names)) for part, rows in found.items()}
    lacking = [
        f"{name!r} has {np.sum(codes == code)} rows and none in"
        f" {', '.join(part for part in found if not counts[part][code])}"
        for code, name in enumerate(names.tolist())
        if not all(counts[part][code] for part in found)
    ]
    if lacking:
        warnings.warn(f"small classes: {_listed(lacking)}", UserWarning, stacklevel=1)


def _listed(words: list[str]) -> str:
    more = f"; and {len(words) - _FEW} more likewise" if len(words) > _FEW else ""
    return "; ".join(words[:_FEW]) + more


def _counts(member: NDArray[np.intp], labels: Array) -> NDArray[np.float64]:
    """Rows of each group, and rows of each class in it: ``[groups, 1 + classes]``."""
    _, codes = np.unique(labels, return_inverse=True)
    counts = np.zeros((member.max() + 1, codes.max() + 1))
    np.add.at(counts, (member, codes), 1)
    return np.hstack([counts.sum(axis=1, keepdims=True), counts])


def _positions(part_of: Array, fractions: Mapping[str, float], what: str) -> _Positions:
    found = {name: np.flatnonzero(part_of == code) for code, name in enumerate(fractions)}
    for name, positions in found.items():
        if not len(positions):
            raise EvidenceError(f"split {name!r} would be empty: {what} are too few for it")
    return found


def _needed(column: Array | None, what: str) -> Array:
    if column is None:
        raise ConfigurationError(
            f'splits.by = "{what}" needs a column: name it as data.{what} in the policy'
        )
    return column
