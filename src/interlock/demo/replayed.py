"""The rows that are replayed: those of holdout and staging, which no training has seen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from interlock import policy
from interlock.data import parts
from interlock.package.golden import record
from interlock.signature.schema import Signature

PARTS = ("holdout", "staging")


def truths(file: Path) -> NDArray[Any]:
    """The label of every row, by the policy in `file`."""
    found = parts.read(policy.read(file), file.parent)
    return np.concatenate([found[part].truth for part in PARTS])


def bodies(file: Path, signature: Signature) -> list[bytes]:
    """Every row as a caller sends it, in the same order."""
    found = parts.read(policy.read(file), file.parent)
    feeds = [found[part].feed(signature) for part in PARTS]
    return [
        msgspec.json.encode(record(signature, feed, row))
        for feed in feeds
        for row in range(len(next(iter(feed.values()))))
    ]
