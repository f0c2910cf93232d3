from __future__ import annotations

import time
from pathlib import Path

from interlock.journal import status
from interlock.journal.status import SinkStatus, Status


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


def test_a_newer_release_may_say_more(tmp_path: Path) -> None:
    """What this one does not know is passed over."""
    (tmp_path / status.FILE).write_text('{"moment": 1.5, "pid": 2, "mood": "good"}')
    assert status.read(tmp_path) == Status(moment=1.5, pid=2)
