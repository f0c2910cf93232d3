"""Rows that are there more than once: they say no more than one of them."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse import csgraph

from interlock.data import identity
from interlock.data.rows import Array, Rows

SHARED = 0.5
"""Groups that share more than this part of the smaller one's different rows are the same group."""

Whole = NDArray[np.int64]


class Copies(NamedTuple):
    """`code` is the same for rows with the same input and truth; `different` says how many are."""

    code: Whole
    different: int

    @property
    def any(self) -> bool:
        """Whether some row is there twice."""
        return self.different < len(self.code)


def find(rows: Rows, names: Collection[str]) -> Copies:
    """Which of `rows` are alike in the inputs called `names`, and in their truth.

    Where they have no columns of these names, it is by all their features.
    """
    features = {str(name): rows.features[name] for name in rows.features}
    inputs = {name: features[name] for name in names if name in features} or features
    facts = {f"input {name}": values for name, values in inputs.items()}
    facts["truth"] = rows.truth
    if rows.event is not None:
        facts["event"] = rows.event
    different, code = np.unique(identity.likenesses(facts), return_inverse=True)
    return Copies(code.astype(np.int64), len(different))


def units(copies: Copies, group: Array | None) -> Array | None:
    """What to draw together, one value a row: copies, and groups; None where each row is its own.

    Of a group that is there again under another name, most rows are copies: it is the same group.
    Single rows that two groups happen to share make them no less two.
    """
    if not copies.any:
        return group
    return copies.code if group is None else _joined(copies, group)


def _joined(copies: Copies, group: Array) -> Whole:
    """Number of the group of each row, groups that are copies of each other being one."""
    _, member = np.unique(group, return_inverse=True)
    kind, among = _kinds(member, copies)
    row, column = np.unique(np.stack([kind[member], copies.code]), axis=1)
    held = sparse.csr_matrix((np.ones(len(row)), (row, column)), shape=(among, copies.different))
    size = np.bincount(row, minlength=among)
    shared = (held @ held.T).tocoo()
    alike = shared.data > SHARED * np.minimum(size[shared.row], size[shared.col])
    links = sparse.coo_matrix(
        (shared.data[alike], (shared.row[alike], shared.col[alike])), shape=shared.shape
    )
    _, together = csgraph.connected_components(links, directed=False)
    return np.asarray(together[kind[member]], np.int64)


def _kinds(member: Whole, copies: Copies) -> tuple[Whole, int]:
    """Groups with exactly the same different rows are of one kind: the kind of each, and how many.

    There can be thousands of those, and then millions of pairs.
    """
    pairs = np.unique(np.stack([member, copies.code]), axis=1)
    ends = np.cumsum(np.bincount(pairs[0]))[:-1]
    held = [codes.tobytes() for codes in np.split(pairs[1], ends)]
    different, kind = np.unique(held, return_inverse=True)
    return kind.astype(np.int64), len(different)
