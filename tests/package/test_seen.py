"""The file of hashes: written, read, and refused where it does not fit its manifest."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from interlock.errors import FormatError, IntegrityError
from interlock.package import Manifest, Seen, manifest
from interlock.package import seen as file

FACTS = manifest.Seen(parts={"train": 3}, columns=("x",), rows=3, group="who", groups=1)
SEEN = Seen(FACTS, np.array([1, 2, 2**64 - 1], np.uint64), np.array([7], np.uint64))


def test_what_is_written_is_read(tmp_path: Path) -> None:
    """Rows and groups come back, whatever the machine's order of bytes."""
    (tmp_path / "seen.bin").write_bytes(SEEN.to_bytes())
    found = file.read(tmp_path, FACTS)
    assert (found.rows.tolist(), found.groups.tolist()) == ([1, 2, 2**64 - 1], [7])
    assert SEEN.to_bytes()[:16] == b"seen\x01\0\0\0" + b"\x01" + bytes(7)


@pytest.mark.parametrize(
    ("content", "error", "complaint"),
    [
        (None, IntegrityError, "seen.bin is missing"),
        (b"seen\x02\0\0\0", FormatError, "this release reads"),
        (b"", FormatError, "begins with b''"),
        (SEEN.to_bytes()[:-8], IntegrityError, "has 32 bytes, not 40 as"),
        (SEEN.to_bytes() + b"\0", IntegrityError, "has 41 bytes"),
    ],
)
def test_a_file_that_does_not_fit_is_refused(
    content: bytes | None, error: type[Exception], complaint: str, tmp_path: Path
) -> None:
    """Missing, of another format, cut off, or longer than the manifest says."""
    if content is not None:
        (tmp_path / "seen.bin").write_bytes(content)
    with pytest.raises(error, match=complaint):
        file.read(tmp_path, FACTS)


def test_a_manifest_from_before_says_nothing() -> None:
    """Packages that were built without are read as ever; those with it are of the same format."""
    text = b'{"format": 1, "name": "m", "version": "1.0.0", "created": "2026-01-01T00:00:00+00:00",'
    text += b' "source": "s", "architecture": "a"'
    assert Manifest.from_json(text + b"}").seen is None
    kept = b', "seen": {"parts": {"train": 3}, "columns": ["x"], "rows": 3, "group": "who", '
    assert Manifest.from_json(text + kept + b'"groups": 1}}').seen == FACTS
