"""The rows that a model has seen, as hashes: so that they do not judge it later."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from interlock.errors import FormatError, IntegrityError
from interlock.package import manifest

Hashes: TypeAlias = NDArray[np.uint64]

FILE = "seen.bin"
# What any file of a program begins with could be a hash, so the file says first what it is.
_HEAD = b"seen\x01\x00\x00\x00"
FORMS = (1, 2, 3)
"""What hashes can be of; see `interlock.package.manifest.Seen`."""


class Seen(NamedTuple):
    """Hashes of the rows and of their groups, each sorted and there once, and what they are of."""

    facts: manifest.Seen
    rows: Hashes
    groups: Hashes

    def to_bytes(self) -> bytes:
        """A head of 8 bytes, then the hashes of rows and of groups, 8 bytes each, little-endian."""
        return _HEAD + self.rows.astype("<u8").tobytes() + self.groups.astype("<u8").tobytes()


def read(folder: Path, facts: manifest.Seen) -> Seen:
    """What `to_bytes` gave, from the package in `folder`.

    Raises
    ------
    IntegrityError
        When the file is missing, or holds other numbers of hashes than the manifest says.
    FormatError
        When it is of a format that this release does not read.
    """
    try:
        content = (folder / FILE).read_bytes()
    except FileNotFoundError:
        raise IntegrityError(f"{folder}: {FILE} is missing, which the manifest names") from None
    if facts.form not in FORMS:
        raise FormatError(f"{FILE} has hashes of form {facts.form}; this release knows {FORMS}")
    if not content.startswith(_HEAD):
        raise FormatError(f"{FILE} begins with {content[:8]!r}; this release reads {_HEAD!r}")
    expected = len(_HEAD) + 8 * (facts.rows + facts.groups)
    if len(content) != expected:
        raise IntegrityError(
            f"{FILE} has {len(content)} bytes, not {expected} as the manifest says"
        )
    found = np.frombuffer(content, "<u8", offset=len(_HEAD)).astype(np.uint64)
    return Seen(facts, found[: facts.rows], found[facts.rows :])
