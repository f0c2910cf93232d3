from __future__ import annotations

import os
from pathlib import Path

import pytest

from interlock.errors import SpoolError
from interlock.journal import segments
from interlock.journal.damage import Damages
from interlock.journal.frame import Damage
from interlock.journal.segments import Segment


@pytest.fixture
def segment(tmp_path: Path) -> Segment:
    """Ten bytes that somebody wrote."""
    segments.folder(tmp_path).mkdir()
    file, segment = segments.create(tmp_path, 0)
    os.write(file, b"0123456789")
    os.close(file)
    return segment


def test_damaged_bytes_are_kept_once_and_counted(tmp_path: Path, segment: Segment) -> None:
    """The same place may be met by several sinks, and again after a restart."""
    for _ in range(3):
        damages = Damages(tmp_path)
        damages.keep(segment, [Damage(2, 5, torn=False), Damage(7, 8, torn=False)])
        assert damages.count() == 2
    kept = sorted(path.read_bytes() for path in (tmp_path / "damaged").iterdir())
    assert kept == [b"234", b"7"]


def test_what_a_crash_tore_off_is_no_damage(tmp_path: Path, segment: Segment) -> None:
    """Nobody was answered for it: it is counted once, and its bytes are not kept."""
    damages = Damages(tmp_path)
    damages.keep(segment, [Damage(4, 10, torn=True)])
    damages.keep(segment, [Damage(4, 10, torn=True)])
    assert (damages.count(), damages.torn()) == (0, 1)
    assert [path.read_bytes() for path in (tmp_path / "damaged").iterdir()] == [b""]


def test_damage_that_cannot_be_set_aside_stops_the_segment(
    tmp_path: Path, segment: Segment
) -> None:
    """It is not passed over: the segment would be deleted, and the bytes with it."""
    (tmp_path / "damaged").write_text("in its way")
    with pytest.raises(SpoolError, match=r"damage cannot be set aside in .*damaged"):
        Damages(tmp_path).keep(segment, [Damage(0, 1, torn=False)])
