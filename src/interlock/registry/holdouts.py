"""Which holdouts are in truth one: most of the rows of the later were in earlier ones.

Who leaves a row out, or adds one, has the same holdout with another digest. So the rows of every
holdout that was looked at are kept, as hashes, and looks at one that shares more than half of its
rows with them are counted with the looks at that one. Each model counts by itself: the same people
may be asked about for another reason.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from interlock.registry.chain import Link

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Hashes: TypeAlias = NDArray[np.uint64]

SHARED = 0.5
"""Who shares more than this part of its rows with holdouts before is no holdout of its own."""

Hashed: TypeAlias = "Callable[[Sequence[str]], Hashes | None]"
"""One number a row, by the columns of these names; None when the rows lack one of them."""


class Holdout(Link, frozen=True, kw_only=True):
    """One holdout that was looked at, first for versions of `model`.

    `account` is the digest under which its looks are counted, its own or that of one before it,
    `shared` the part of its rows that had been looked at before.
    `rows` are hashes by the `columns`: 8 bytes each, little-endian, in base64.
    """

    holdout: str
    model: str
    account: str
    shared: float
    columns: list[str]
    rows: str
    actor: str | None
    moment: str


class Account(NamedTuple):
    """Where looks at a holdout are counted, and which part of its rows was looked at before."""

    digest: str
    shared: float


def account(digest: str, hashed: Hashed, known: Iterable[Holdout]) -> Account:
    """Whose looks those at the holdout with this digest are.

    Of several holdouts before it, those that have the most of its rows.
    """
    import numpy as np  # noqa: PLC0415 - a rollback counts no rows

    shares: dict[str, float] = {}
    before: NDArray[np.bool_] | None = None
    for one in known:
        rows = hashed(one.columns)
        if rows is None:
            continue
        there = np.isin(rows, read(one.rows))
        before = there if before is None else before | there
        shares[one.account] = max(shares.get(one.account, 0.0), float(there.mean()))
    shared = 0.0 if before is None else float(before.mean())
    if shared <= SHARED:
        return Account(digest, shared)
    return Account(max(shares, key=lambda one: shares[one]), shared)


def written(rows: Hashes) -> str:
    """Hashes as a holdout keeps them: each once, in order."""
    import numpy as np  # noqa: PLC0415 - see above

    return base64.b64encode(np.unique(rows).astype("<u8").tobytes()).decode()


def read(text: str) -> Hashes:
    """What was `written`."""
    import numpy as np  # noqa: PLC0415 - see above

    return np.frombuffer(base64.b64decode(text), "<u8").astype(np.uint64)
