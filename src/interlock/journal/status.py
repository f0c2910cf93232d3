"""Where the shipper stands: it writes one small file, which servers and commands read."""

from __future__ import annotations

import os
import time
from pathlib import Path

import msgspec

from interlock.journal import segments

FILE = "status.json"

STALE = 10.0
"""Seconds after which a status is no longer believed: whoever writes it has ended, or hangs."""


class SinkStatus(msgspec.Struct, kw_only=True):
    """One sink. `reason` says why it is not `up`; `since` when that began, in seconds since 1970.

    `lag_bytes` lie in the spool and not in the sink; the oldest of them came `lag_seconds` ago.
    `shipped` counts records since the journal began.
    """

    name: str
    up: bool = True
    reason: str = ""
    since: float | None = None
    lag_bytes: int = 0
    lag_seconds: float = 0.0
    shipped: int = 0


class Status(msgspec.Struct, kw_only=True):
    """What the shipper of one journal saw at `moment` (seconds since 1970).

    `damaged` counts the damages met in segments, `torn` the records that a crash cut off, `orphans`
    labels without a prediction for so long that they are reported. `ended` when it was the last
    word of a shipper that was told to stop.
    """

    moment: float
    pid: int
    sinks: list[SinkStatus] = msgspec.field(default_factory=list)
    spool_bytes: int = 0
    segments: int = 0
    damaged: int = 0
    torn: int = 0
    orphans: int = 0
    ended: bool = False

    @property
    def fresh(self) -> bool:
        return not self.ended and abs(time.time() - self.moment) <= STALE


_decoder = msgspec.json.Decoder(Status)


def read(directory: Path) -> Status | None:
    """The last status that was written, None when there is none that can be read."""
    try:
        return _decoder.decode((directory / FILE).read_bytes())
    except (OSError, msgspec.DecodeError):
        return None


def believed(directory: Path) -> Status:
    """What can be said at this moment, even where no shipper says anything.

    A sink of which nothing was heard lately is down; all that lies in the spool may be waiting for
    it. With no status at all there is still SQL, which every journal is shipped to.
    """
    seen = read(directory)
    there = segments.listed(directory)
    known = seen or Status(moment=0.0, pid=0, sinks=[SinkStatus(name="sql")])
    found = msgspec.structs.replace(
        known, spool_bytes=segments.size(directory), segments=len(there)
    )
    if not found.fresh:
        oldest = min((one.started / 1e9 for one in there), default=time.time())
        found.sinks = [_silent(sink, found, oldest) for sink in found.sinks]
    return found


def write(directory: Path, status: Status) -> None:
    """Replace the status; readers see the old one or the new one, never half of one."""
    temporary = directory / f".{FILE}.{os.getpid()}"
    try:
        temporary.write_bytes(msgspec.json.encode(status))
        temporary.replace(directory / FILE)
    finally:
        temporary.unlink(missing_ok=True)


def _silent(sink: SinkStatus, status: Status, oldest: float) -> SinkStatus:
    why = "the shipper has not been heard of" + (" lately" if status.pid else "")
    return msgspec.structs.replace(
        sink,
        up=False,
        reason=f"{why}; its last trouble: {sink.reason}" if sink.reason else why,
        since=sink.since or status.moment or None,
        lag_bytes=status.spool_bytes,
        lag_seconds=round(max(0.0, time.time() - oldest), 3),
    )
