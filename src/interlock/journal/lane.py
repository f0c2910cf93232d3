"""A lane: moves the spool into one sink, in a thread of its own, so that no sink waits for another.

Segments of one slot are taken in their order; between slots there is none. What a sink has kept
is known to the sink alone: after any failure the lane asks it, and begins again from there.
"""

from __future__ import annotations

import threading
import time
from functools import partial
from pathlib import Path

import msgspec
import structlog

from interlock.errors import InterlockError, OutdatedError, SpoolError
from interlock.journal import pace, segments
from interlock.journal.damage import Damages
from interlock.journal.erased import Erased
from interlock.journal.pace import Spent
from interlock.journal.reading import Piece, Reader
from interlock.journal.record import Answer, Failure, Record
from interlock.journal.segments import Segment
from interlock.journal.sinks.sink import Sink
from interlock.journal.status import SinkStatus

_log = structlog.get_logger()

POLL = 0.25
"""Seconds between two looks at the spool. What came meanwhile is one transaction."""

_CHUNK = 4 * 1024 * 1024  # bytes of a segment that are in memory at a time
_FIRST_WAIT = 0.1
_LONGEST_WAIT = 10.0


class Lane(threading.Thread):
    """Reads the journal in `directory` for one sink, from the sink's own cursors on.

    Parameters
    ----------
    erased
        Who is left out, whatever the spool still holds about them.
    stop
        Ends the lane: when nobody writes any more and everything was moved, or the sink fails.
    shipped
        How many records it had moved before it began.
    """

    def __init__(
        self,
        sink: Sink,
        directory: Path,
        *,
        damages: Damages,
        erased: Erased,
        stop: threading.Event,
        shipped: int = 0,
    ) -> None:
        super().__init__(name=f"lane {sink.name}", daemon=True)
        self._sink = sink
        self._directory = directory
        self._damages = damages
        self._erased = erased
        self._asked_to_stop = stop
        self._knows = False  # what the sink has kept; asked for at first, and after any failure
        self._kept: dict[str, int] = {}
        self._read: dict[str, int] = {}
        self._passed: frozenset[str] = frozenset()
        self._last: set[str] | None = None  # segments that are there when the end is near
        self._seen = SinkStatus(name=sink.name, shipped=shipped)
        self._unfinished = 0  # records that a whole segment's end will make kept
        self._failures = 0

    def run(self) -> None:
        """Move until told to stop."""
        try:
            while True:
                stopping = self._asked_to_stop.is_set()  # what was written before is still moved
                if stopping and self._last is None:
                    self._last = {one.path.name for one in segments.listed(self._directory)}
                self._attempt()
                if stopping and (not self._seen.up or self._has_all()):
                    return
                self._pause()
        finally:
            self._sink.close()

    def has_passed(self, segment: Segment) -> bool:
        """Whether the sink needs nothing of a segment any more: it is closed, and kept."""
        return segment.path.name in self._passed

    def status(self) -> SinkStatus:
        """Where it stands, by what lies in the spool at this moment."""
        kept = self._kept
        behind = [
            (segment, kept.get(segment.path.name, 0), size)
            for segment, size in _sizes(self._directory)
            if kept.get(segment.path.name, 0) < size and not self.has_passed(segment)
        ]
        now = time.time()
        oldest = min((_arrival(segment, start) for segment, start, _ in behind), default=now)
        return msgspec.structs.replace(
            self._seen,
            lag_bytes=sum(size - start for _, start, size in behind),
            lag_seconds=round(max(0.0, now - oldest), 3),
        )

    def _has_all(self) -> bool:
        """Whether all is moved that was begun before the end; the rest is for whoever follows."""
        return all(
            self.has_passed(segment)
            for segment in segments.listed(self._directory)
            if self._last is None or segment.path.name in self._last
        )

    def _pause(self) -> None:
        if self._asked_to_stop.is_set():
            time.sleep(_FIRST_WAIT)  # somebody still writes
        elif self._failures:
            self._asked_to_stop.wait(min(_LONGEST_WAIT, _FIRST_WAIT * 2 ** min(self._failures, 8)))
        else:
            self._asked_to_stop.wait(POLL)

    def _attempt(self) -> None:
        try:
            self._move()
        except OutdatedError:
            self._knows = False  # nothing was kept: the same again, without whom it concerns
        except InterlockError as error:
            self._fail(str(error))
        except Exception as error:  # noqa: BLE001
            # A lane that died unseen would fill the spool. Only the kind: a message may quote data.
            self._fail(f"{type(error).__name__} in the shipper: please report it")
            _log.debug("a sink failed unexpectedly", sink=self._sink.name, exc_info=True)
        else:
            self._succeed()

    def _move(self) -> None:
        if not self._knows:
            self._kept = self._sink.cursors()
            self._read, self._unfinished, self._knows = dict(self._kept), 0, True
        listed = segments.listed(self._directory)
        self._forget_deleted({segment.path.name for segment in listed})
        behind: set[int] = set()
        for segment in listed:
            # What a slot wrote later waits, for order's sake, until the earlier has passed.
            if segment.slot not in behind and not self._advance(segment):
                behind.add(segment.slot)

    def _advance(self, segment: Segment) -> bool:
        """Move what a segment holds at this moment; whether the sink has passed it."""
        if self.has_passed(segment):
            return True
        try:
            closed = segments.is_closed(segment.path)  # looked at first: nothing comes after it
            size = segment.path.stat().st_size
        except FileNotFoundError:
            return True
        if self._sink.whole and not closed:
            return False
        start = self._read.get(segment.path.name, 0)
        while start < size and (end := self._move_piece(segment, start)) > start:
            start = end
        if closed and start < size:  # never passed over: it would be deleted
            raise SpoolError(f"{segment.path} cannot be read on from byte {start}")
        if closed:
            self._finish(segment, start)
        return closed

    def _move_piece(self, segment: Segment, start: int) -> int:
        """Move the next few megabytes; returns where they end: at `start` when there is no more."""
        before = pace.spent()
        piece = Reader(segment.path).read(start, _CHUNK)
        self._damages.keep(segment, piece.damages)
        if piece.end > start:
            name = segment.path.name
            known = self._erased.look()
            left = known.without(piece.records)
            self._sink.write(name, left, piece.end, partial(self._erased.confirm, known))
            self._read[name] = piece.end
            self._unfinished += len(piece.records)
            if not self._sink.whole:
                self._keep(name, piece.end)
            self._rest(piece, pace.spent().since(before))
        return piece.end

    def _rest(self, piece: Piece, spent: Spent) -> None:
        """Leave the machine to others for a while, unless somebody waits for the end."""
        moment = _moment(piece.records[-1]) if piece.records else None
        if moment is not None:
            self._asked_to_stop.wait(pace.rest(spent, time.time() - moment / 1e6))

    def _finish(self, segment: Segment, end: int) -> None:
        self._sink.finish(segment.path.name, end)
        self._keep(segment.path.name, end)
        self._passed |= {segment.path.name}

    def _keep(self, name: str, end: int) -> None:
        self._kept = {**self._kept, name: end}  # a new one: another thread reads the old
        self._seen.shipped += self._unfinished
        self._unfinished = 0

    def _forget_deleted(self, listed: set[str]) -> None:
        gone = self._kept.keys() - listed
        if gone:
            self._sink.forget(gone)
            self._kept = {name: end for name, end in self._kept.items() if name in listed}
            self._read = {name: end for name, end in self._read.items() if name in listed}
            self._passed &= listed

    def _fail(self, reason: str) -> None:
        if self._seen.up:
            self._seen.since = time.time()
        if self._seen.reason != reason:
            _log.warning("a sink takes nothing; records wait", sink=self._sink.name, reason=reason)
        self._seen.up, self._seen.reason = False, reason
        self._failures += 1
        self._knows = False

    def _succeed(self) -> None:
        if not self._seen.up:
            _log.info("a sink takes records again", sink=self._sink.name)
        self._seen.up, self._seen.reason, self._seen.since = True, "", None
        self._failures = 0


def _sizes(directory: Path) -> list[tuple[Segment, int]]:
    found = []
    for segment in segments.listed(directory):
        try:
            found.append((segment, segment.path.stat().st_size))
        except FileNotFoundError:
            continue  # deleted in between
    return found


def _arrival(segment: Segment, start: int) -> float:
    """When the first record from `start` on came, in seconds since 1970."""
    try:
        records = Reader(segment.path).read(start, 1).records
    except (InterlockError, FileNotFoundError):
        records = []
    moment = _moment(records[0]) if records else None
    return segment.started / 1e9 if moment is None else moment / 1e6


def _moment(record: Record) -> int | None:
    """When `record` came; None for a list without a label, which says nothing."""
    if isinstance(record, Answer | Failure):
        return record.moment
    return record[0].received if record else None
