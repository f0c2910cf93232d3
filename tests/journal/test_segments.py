"""Names of segments, and who still writes to them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from interlock.journal import segments

from .records import closed


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    segments.folder(tmp_path).mkdir()
    return tmp_path


def test_segments_of_a_slot_come_in_the_order_of_their_names(journal: Path) -> None:
    """And those of another slot beside them; other files are none of ours."""
    later, other, earlier = (
        closed(journal, b"", started=started, slot=slot)
        for started, slot in ((200, 0), (100, 1), (9, 0))
    )
    (segments.folder(journal) / "note.txt").write_text("")
    assert [segment.path for segment in segments.listed(journal)] == [earlier, later, other]
    assert segments.listed(journal)[0][1:] == (9, 0, 7)


def test_a_segment_is_open_for_as_long_as_its_writer_has_it(journal: Path) -> None:
    """However often others look."""
    file, segment = segments.create(journal, 3)
    assert [segments.is_closed(segment.path) for _ in range(2)] == [False, False]
    assert segments.listed(journal) == [segment]
    os.close(file)
    assert segments.is_closed(segment.path)


def test_a_new_segment_is_the_last_of_its_slot_whatever_the_clock_says(journal: Path) -> None:
    """The one before it may be of tomorrow, by a clock that was set back since."""
    tomorrow = 2**63
    closed(journal, b"", started=tomorrow, slot=0)
    file, segment = segments.create(journal, 0)
    os.close(file)
    assert segment.started == tomorrow + 1
    file, segment = segments.create(journal, 1)
    os.close(file)
    assert segment.started < tomorrow


def test_the_size_is_that_of_all_segments(journal: Path) -> None:
    """Of every slot, and of nothing else."""
    closed(journal, b"12345", started=1)
    closed(journal, b"123", started=2, slot=1)
    (journal / "status.json").write_text("more")
    assert segments.size(journal) == 8
    assert segments.size(journal / "nowhere") == 0


def test_a_folder_that_somebody_deleted_is_made_anew(journal: Path) -> None:
    """A worker that runs meanwhile goes on with its next segment."""
    segments.folder(journal).rmdir()
    file, segment = segments.create(journal, 0)
    os.close(file)
    assert segments.listed(journal) == [segment]
