from __future__ import annotations

import time
from pathlib import Path

from interlock.journal import status
from interlock.journal.status import SinkStatus, Status

from .spooled import answer, write


def test_what_was_written_is_read(tmp_path: Path) -> None:
    """And nothing else is left in the directory."""
    seen = Status(moment=time.time(), pid=7, sinks=[SinkStatus(name="sql", up=False, reason="x")])
    status.write(tmp_path, seen)
    assert status.read(tmp_path) == seen
    assert [path.name for path in tmp_path.iterdir()] == [status.FILE]


def test_no_status_is_none(tmp_path: Path) -> None:
    """There was no shipper yet, or the file is of another release: both are told the same."""
    assert status.read(tmp_path) is None
    for text in ("", "{}", '{"moment": "noon", "pid": 1}', "[]"):
        (tmp_path / status.FILE).write_text(text)
        assert status.read(tmp_path) is None


def test_a_status_is_believed_for_a_few_seconds() -> None:
    """A shipper that ended or hangs is not taken for one at work; nor is one of the future."""
    now = time.time()
    assert Status(moment=now, pid=1).fresh
    assert not Status(moment=now - status.STALE - 1, pid=1).fresh
    assert not Status(moment=now + status.STALE + 1, pid=1).fresh
    assert not Status(moment=now, pid=1, ended=True).fresh


def test_a_newer_release_may_say_more(tmp_path: Path) -> None:
    """What this one does not know is passed over."""
    (tmp_path / status.FILE).write_text('{"moment": 1.5, "pid": 2, "mood": "good"}')
    assert status.read(tmp_path) == Status(moment=1.5, pid=2)


def test_where_nobody_speaks_the_spool_itself_is_counted(tmp_path: Path) -> None:
    """An old status, or none: its sinks are down, and all that lies there may be waiting."""
    none = status.believed(tmp_path)
    assert [(one.name, one.up, one.lag_bytes) for one in none.sinks] == [("sql", False, 0)]
    size = write(tmp_path, answer(1)).stat().st_size
    for seen in (
        None,
        Status(moment=time.time() - 60, pid=7, sinks=[SinkStatus(name="sql", shipped=4)]),
    ):
        if seen is not None:
            status.write(tmp_path, seen)
        found = status.believed(tmp_path)
        (sink,) = found.sinks
        assert not found.fresh
        assert (sink.up, sink.lag_bytes, found.spool_bytes) == (False, size, size)
        assert 0 <= sink.lag_seconds < 60
        assert "has not been heard of" in sink.reason
    assert sink.shipped == 4


def test_a_status_of_this_moment_is_believed(tmp_path: Path) -> None:
    """What it says of its sinks is not made worse."""
    sinks = [SinkStatus(name="sql", lag_bytes=3), SinkStatus(name="parquet", up=False, reason="x")]
    status.write(tmp_path, Status(moment=time.time(), pid=7, sinks=sinks))
    assert status.believed(tmp_path).sinks == sinks
