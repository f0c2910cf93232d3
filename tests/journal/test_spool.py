"""The end of the journal that a worker writes to, on real disks: roomy, full, small, deleted."""

from __future__ import annotations

import os
import queue
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from interlock.errors import SpoolError
from interlock.journal import segments
from interlock.journal.frame import LARGEST
from interlock.journal.reading import Reader
from interlock.journal.spool import Spool
from interlock.settings import Settings

from .clocks import Clock
from .disks import fill, mounted
from .records import closed, frames, numbers

Open = Callable[..., Spool]


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    segments.folder(tmp_path).mkdir()
    return tmp_path


@pytest.fixture
def spool() -> Iterator[Open]:
    """Opens spools, and closes them in the end."""
    opened: list[Spool] = []

    def make(directory: Path, slot: int = 0, **settings: Any) -> Spool:
        opened.append(Spool(directory, slot, Settings(**settings)))
        return opened[-1]

    yield make
    for one in opened:
        one.close()


def kept(directory: Path) -> list[int]:
    """Numbers of all records in a journal, in its order; it must not be damaged."""
    found = []
    for segment in segments.listed(directory):
        piece = Reader(segment.path).read(0, 10**8)
        assert piece.damages == []
        found += numbers(piece.records)
    return found


def test_a_commit_is_there_when_it_returns(journal: Path, spool: Open) -> None:
    """What was only appended is not; all that was goes by one write, in order."""
    opened = spool(journal)
    first, second, third = frames(3)
    opened.append([first, second])
    opened.append([third])
    assert kept(journal) == []
    assert opened.commit() == (3, len(first + second + third))
    assert kept(journal) == [0, 1, 2]
    assert opened.commit() == (0, 0)


def test_a_spool_that_has_nothing_to_say_has_no_file(journal: Path, spool: Open) -> None:
    """An idle worker leaves nothing to be looked after."""
    opened = spool(journal)
    opened.commit()
    opened.tick()
    assert segments.listed(journal) == []


def test_a_large_segment_is_followed_by_another(journal: Path, spool: Open) -> None:
    """The old one is closed, and can be shipped and deleted."""
    opened = spool(journal, journal_segment_size=1000)
    for frame in frames(4, payload=bytes(600)):
        opened.append([frame])
        opened.commit()
    assert [segments.is_closed(one.path) for one in segments.listed(journal)] == [True, True]
    assert kept(journal) == [0, 1, 2, 3]


def test_an_old_segment_is_ended_though_nothing_comes(journal: Path, spool: Open) -> None:
    """A quiet worker does not keep its last records from a sink that takes whole segments."""
    opened = spool(journal, journal_segment_age=0.05)
    opened.append(frames(1))
    opened.commit()
    (segment,) = segments.listed(journal)
    opened.tick()
    assert not segments.is_closed(segment.path)
    time.sleep(0.06)
    opened.tick()
    assert segments.is_closed(segment.path)


def test_a_spool_over_its_limit_takes_nothing(journal: Path, spool: Open) -> None:
    """What did not fit leaves no trace, and what was shipped makes room again."""
    old = closed(journal, bytes(5000), started=1, slot=5)
    opened = spool(journal, journal_limit=5000 + 100)
    (frame,) = frames(1)
    assert 50 < len(frame) < 100
    opened.append([frame])
    opened.commit()
    for _ in range(2):
        opened.append([frame])
        with pytest.raises(SpoolError, match="full: INTERLOCK_JOURNAL_LIMIT=5100"):
            opened.commit()
    old.unlink()
    time.sleep(1.05)
    opened.tick()
    opened.append([frame])
    opened.commit()
    assert kept(journal) == [0, 0]


def test_a_record_that_fits_no_frame_is_refused(journal: Path, spool: Open) -> None:
    """With all that was to be appended beside it; what was appended before is written."""
    opened = spool(journal)
    small, other = frames(2)
    opened.append([small])
    with pytest.raises(SpoolError, match="larger than a frame"):
        opened.append([other, bytes(LARGEST + 1)])
    opened.commit()
    assert kept(journal) == [0]


def test_a_full_disk_loses_nothing_that_was_committed(tmp_path: Path, spool: Open) -> None:
    """A write that fails leaves no part of itself; once there is room, records go on."""
    with mounted(tmp_path / "disk", "size=256k") as disk:
        segments.folder(disk).mkdir()
        opened = spool(disk)
        waiting = frames(200, payload=bytes(3000))
        written = _commit_some(opened, waiting)
        assert 50 < len(written) < 90
        assert kept(disk) == written
        for segment in segments.listed(disk):
            segment.path.unlink()
        time.sleep(0.3)
        assert _commit_some(opened, waiting[150:]) == list(range(50))
        assert kept(disk) == list(range(150, 200))


def _commit_some(spool: Spool, waiting: list[bytes]) -> list[int]:
    """Commit frames one by one until the disk is full; the places of those that went well."""
    written = []
    with suppress(SpoolError):
        for number, frame in enumerate(waiting):
            spool.append([frame])
            spool.commit()
            written.append(number)
    return written


def test_nothing_is_written_behind_a_place_that_was_taken_back(tmp_path: Path, spool: Open) -> None:
    """Who has read a part of what was taken back must not go on from there in other records."""
    with mounted(tmp_path / "disk", "size=256k") as disk:
        segments.folder(disk).mkdir()
        opened = spool(disk)
        first, second, third = frames(3, payload=bytes(3000))
        opened.append([first])
        opened.commit()
        ballast = fill(disk)
        opened.append([second] * 5)
        with pytest.raises(SpoolError):
            opened.commit()
        (old,) = segments.listed(disk)
        assert segments.is_closed(old.path)
        assert old.path.read_bytes() == first
        ballast.unlink()
        time.sleep(0.3)
        opened.append([third])
        opened.commit()
        assert len(segments.listed(disk)) == 2
        assert kept(disk) == [0, 2]


def test_after_a_failed_write_others_are_refused_for_a_moment(tmp_path: Path, spool: Open) -> None:
    """A disk that is full is not tried again for each of thousands of requests."""
    with mounted(tmp_path / "disk", "size=64k") as disk:
        segments.folder(disk).mkdir()
        opened = spool(disk)
        ballast = fill(disk)
        (frame,) = frames(1, payload=bytes(6000))
        opened.append([frame])
        with pytest.raises(SpoolError):
            opened.commit()
        assert segments.listed(disk) == []
        ballast.unlink()
        opened.append([frame])
        with pytest.raises(SpoolError, match="No space left"):
            opened.commit()
        time.sleep(0.3)
        opened.append([frame])
        opened.commit()
        assert kept(disk) == [0]


def test_a_segment_that_somebody_deleted_is_replaced(journal: Path, spool: Open) -> None:
    """Records must not go on into a file that has no name any more."""
    opened = spool(journal)
    first, second = frames(2)
    opened.append([first])
    opened.commit()
    segments.listed(journal)[0].path.unlink()
    opened.tick()
    opened.append([second])
    opened.commit()
    assert kept(journal) == [1]


@pytest.mark.parametrize("sync", ["never", "interval"])
def test_who_need_not_wait_for_the_disk_is_heard_at_once(
    journal: Path, spool: Open, sync: str
) -> None:
    """A record that survives the process is enough then."""
    opened = spool(journal, journal_sync=sync)
    opened.append(frames(1))
    opened.commit()
    heard: list[SpoolError | None] = []
    opened.synced(heard.append)
    assert heard == [None]
    assert not opened.waits


def test_the_disk_is_waited_for_where_that_is_wanted(
    journal: Path, spool: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is asked with the records in the file, and only then is the answer heard."""
    seen: list[list[int]] = []
    real = os.fdatasync

    def fdatasync(file: int) -> None:
        seen.append(kept(journal))
        real(file)

    monkeypatch.setattr(os, "fdatasync", fdatasync)
    opened = spool(journal, journal_sync="always")
    opened.append(frames(2))
    opened.commit()
    heard: queue.Queue[tuple[SpoolError | None, int]] = queue.Queue()
    opened.synced(lambda error: heard.put((error, len(seen))))
    assert heard.get(timeout=10) == (None, 1)
    assert seen == [[0, 1]]


def test_a_disk_that_fails_is_told_and_left_for_another_segment(
    journal: Path, spool: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was not on the disk is not taken for it at the next, successful attempt."""
    opened = spool(journal, journal_sync="always")

    def broken(_file: int) -> None:
        raise OSError(5, "Input/output error")

    heard: queue.Queue[SpoolError | None] = queue.Queue()
    with monkeypatch.context() as failing:
        failing.setattr(os, "fdatasync", broken)
        opened.append(frames(1))
        opened.commit()
        opened.synced(heard.put)
        error = heard.get(timeout=10)
    assert str(error) == "the disk did not take a record: Input/output error"
    (old,) = segments.listed(journal)
    opened.append(frames(1))
    opened.commit()
    assert len(segments.listed(journal)) == 2
    assert old in segments.listed(journal)


CLOCK = """
import sys, time
from pathlib import Path
from uuid_utils import uuid7
from interlock.journal.record import Answer, Row, frame
from interlock.journal.spool import Spool
from interlock.settings import Settings
clock, directory = map(Path, sys.argv[1:])
spool = Spool(directory, 0, Settings(journal_segment_size=1))
for hours in (0, 5, -3, -3, 1):
    clock.write_text(f"{hours:+d}h")
    rows = [Row(str(uuid7()), b"")]
    spool.append([frame(Answer(time.time_ns() // 1000, "a", "1", "live", "plain", 0.1, rows))])
    spool.commit()
"""


def test_a_clock_that_is_set_back_changes_no_order(journal: Path, tmp_path: Path) -> None:
    """Records stay in the order in which they were written, under ids that are all different.

    Their moments are what the clock said. Other processes that follow come after all of them.
    """
    clock = Clock(tmp_path / "clock")
    command = [sys.executable, "-c", CLOCK, str(clock.file), str(journal)]
    for _ in range(2):
        subprocess.run(command, env={**os.environ, **clock.environment}, check=True)
    found = [
        record
        for segment in segments.listed(journal)
        for record in Reader(segment.path).read(0, 10**6).records
    ]
    hours = [round((record.moment / 1e6 - time.time()) / 3600) for record in found]  # type: ignore[union-attr]
    assert hours == [0, 5, -3, -3, 1] * 2
    assert len({record.rows[0].id for record in found}) == 10  # type: ignore[union-attr]
