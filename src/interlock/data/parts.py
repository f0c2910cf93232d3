"""The parts of a project's data, as its policy says: read, split, checked."""

from __future__ import annotations

from pathlib import Path

from interlock.data import leakage, source, splits
from interlock.data.rows import Rows
from interlock.policy import Policy


def read(policy: Policy, folder: Path) -> dict[str, Rows]:
    """Every part by its name; `folder` is where the policy lies.

    A file in ``[data] holdout`` or ``staging`` replaces that part of the split. The rows of the
    source that it replaces are then used by nobody, and all other parts stay what they were; with a
    fraction of 0 there are none.

    Raises
    ------
    LeakageError
        When two parts share a row or a group.
    ConfigurationError, EvidenceError
        As `interlock.data.source` and `interlock.data.splits` do.
    """
    parts = splits.split(source.load(policy, folder), policy)
    for name in ("holdout", "staging"):
        file = getattr(policy.data, name)
        if file:
            parts[name] = source.read_file(folder / file, policy)
    leakage.check(parts)
    return parts
