"""Which holdouts are in truth one: most of the rows of the one are rows of the other.

Who leaves a row out, adds one, or copies one often, has the same holdout with another digest. So
the rows of every holdout that was looked at are kept, as hashes, each once. Looks at two that share
more than half of the different rows of the smaller are counted together, whichever models they were
for: else one look under another name would be one for nothing. What is one with the same is one.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, TypeAlias

from interlock.registry.chain import Link

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Hashes: TypeAlias = NDArray[np.uint64]

SHARED = 0.5
"""Who shares more than this part of the smaller's different rows is no holdout of its own."""

Hashed: TypeAlias = "Callable[[Sequence[str]], Hashes | None]"
"""One number a row, by the columns of these names; None when the rows lack one of them."""


class Holdout(Link, frozen=True, kw_only=True):
    """One holdout that was looked at, first for versions of `model`.

    `account` is the digest under which its looks are counted, its own or that of one before it,
    `also` are those that are counted together from then on. `shared` is the part of its different
    rows, or of the other's where that has fewer, that had been looked at before.
    `rows` are hashes by the `columns`: 8 bytes each, little-endian, in base64.
    """

    LATER: ClassVar[dict[str, Any]] = {"also": []}

    holdout: str
    model: str
    account: str
    shared: float
    columns: list[str]
    rows: str
    also: list[str] = []  # noqa: RUF012 - msgspec copies it
    actor: str | None
    moment: str


class Account(NamedTuple):
    """Where looks at a holdout are counted, with which others, and which part of it is known."""

    digest: str
    shared: float
    also: tuple[str, ...] = ()


def account(
    digest: str, columns: Sequence[str], hashed: Hashed, known: Iterable[Holdout]
) -> Account:
    """Whose looks those at the holdout with this digest are; it is known by its `columns`.

    Those of all holdouts before it that share so much with it. Where only several together have
    its rows, of the one that has the most of them.
    """
    import numpy as np  # noqa: PLC0415 - a rollback counts no rows

    rows = cache(hashed)
    own = rows(tuple(columns))
    shares: dict[str, float] = {}
    before = np.zeros(0 if own is None else len(own), bool)
    for one in known:
        mine, theirs = rows(tuple(one.columns)), read(one.rows)
        if mine is None or not len(theirs):
            continue
        there = np.isin(mine, theirs)
        before = before | there if len(before) else there
        different = np.unique(mine)
        share = np.isin(different, theirs).sum() / min(len(different), len(theirs))
        shares[one.account] = max(shares.get(one.account, 0.0), float(share))
    among = before if own is None else before[np.unique(own, return_index=True)[1]]
    return _chosen(digest, shares, float(among.mean()) if len(among) else 0.0)


def _chosen(digest: str, shares: Mapping[str, float], together: float) -> Account:
    shared = max([together, *shares.values()])
    if shared <= SHARED:
        return Account(digest, shared)
    first, *more = sorted(shares, key=lambda one: -shares[one])
    return Account(first, shared, tuple(one for one in more if shares[one] > SHARED))


def roots(known: Iterable[Holdout]) -> dict[str, str]:
    """The digest under which looks at each holdout, or at each account, are counted by now.

    A holdout that shares much with two makes one of all three.
    """
    above: dict[str, str] = {}

    def root(digest: str) -> str:
        while above.setdefault(digest, digest) != digest:
            digest = above[digest]
        return digest

    for one in sorted(known, key=lambda one: (one.moment, one.holdout)):
        first = root(one.account)
        for other in (one.holdout, *one.also):
            above[root(other)] = first
    return {digest: root(digest) for digest in list(above)}


def written(rows: Hashes) -> str:
    """Hashes as a holdout keeps them: each once, in order."""
    import numpy as np  # noqa: PLC0415 - see above

    return base64.b64encode(np.unique(rows).astype("<u8").tobytes()).decode()


def read(text: str) -> Hashes:
    """What was `written`."""
    import numpy as np  # noqa: PLC0415 - see above

    return np.frombuffer(base64.b64decode(text), "<u8").astype(np.uint64)
