"""The shipper: moves the journal of one server to its sinks, and deletes what all of them have."""

from __future__ import annotations

import fcntl
import os
import secrets
import threading
import time
from collections.abc import Collection, Sequence
from contextlib import suppress
from pathlib import Path

import structlog

from interlock.errors import BusyError, JournalError, SpoolError
from interlock.journal import segments, status
from interlock.journal.damage import Damages
from interlock.journal.erased import Erased
from interlock.journal.keeper import Keeper
from interlock.journal.lane import POLL, Lane
from interlock.journal.record import Record
from interlock.journal.sinks.sink import Confirm, Sink, certain
from interlock.journal.sinks.sql import SqlSink
from interlock.journal.status import Status
from interlock.settings import Settings

_log = structlog.get_logger()

_REPORT = 1.0  # seconds between two status files
_PATIENCE = 5.0  # seconds, beyond the drain, for a shipper whose server was killed


class Shipper:
    """Ships what lies in the settings' journal, to the sinks that they name.

    Raises
    ------
    BusyError
        When another shipper has been at work on this journal for longer than a server takes to
        drain.
    SpoolError
        When the journal's directory cannot be written.
    """

    def __init__(self, settings: Settings) -> None:
        self._directory = settings.spool()
        self._drain = settings.drain
        self._lock = _lock(self._directory, settings.drain + _PATIENCE)
        self._damages = Damages(self._directory)
        self._erased = Erased(settings)
        self._stopped = threading.Event()
        before = status.read(self._directory)
        shipped = {sink.name: sink.shipped for sink in before.sinks} if before else {}
        self._lanes = [
            Lane(
                sink,
                self._directory,
                damages=self._damages,
                erased=self._erased,
                stop=self._stopped,
                shipped=shipped.get(sink.name, 0),
            )
            for sink in sinks(settings)
        ]
        self._keeper = Keeper(settings, self._stopped)
        self._reported = 0.0
        self._complaint = ""

    def run(self) -> None:
        """Ship until `stop`; then what is left, for as long as a worker may drain."""
        for thread in (*self._lanes, self._keeper):
            thread.start()
        while not self._stopped.wait(POLL):
            self._look()
        deadline = time.monotonic() + self._drain
        while any(lane.is_alive() for lane in self._lanes) and time.monotonic() < deadline:
            self._look()
            time.sleep(0.02)
        self._look(last=True)
        self._keeper.join(1.0)
        self._erased.close()
        os.close(self._lock)

    def stop(self) -> None:
        """Have `run` come to its end; for signal handlers and other threads."""
        self._stopped.set()

    def _look(self, *, last: bool = False) -> None:
        try:
            self._delete_passed()
            if last or time.monotonic() > self._reported + _REPORT:
                self._report(ended=last)
            self._complaint = ""
        except OSError as error:
            if self._complaint != str(error):
                _log.warning("the spool cannot be looked after", reason=str(error))
            self._complaint = str(error)

    def _delete_passed(self) -> None:
        for segment in segments.listed(self._directory):
            if all(lane.has_passed(segment) for lane in self._lanes):
                segment.path.unlink(missing_ok=True)

    def _report(self, *, ended: bool) -> None:
        self._reported = time.monotonic()
        seen = Status(
            moment=time.time(),
            pid=os.getpid(),
            sinks=[lane.status() for lane in self._lanes],
            spool_bytes=segments.size(self._directory),
            segments=len(segments.listed(self._directory)),
            damaged=self._damages.count(),
            torn=self._damages.torn(),
            orphans=self._keeper.orphans,
            ended=ended,
        )
        status.write(self._directory, seen)


def sinks(settings: Settings) -> list[Sink]:
    """The sinks that the settings name."""
    journal = identity(settings.spool())
    named: list[Sink] = [SqlSink(settings.database_url(), journal)]
    if settings.journal_parquet is not None:
        named.append(_parquet(settings.journal_parquet, journal))
    return named


def identity(directory: Path) -> str:
    """What tells this journal from others that are shipped to the same database."""
    path = directory / "id"
    with suppress(FileNotFoundError):
        return path.read_text()  # nothing is written where one is there: the disk may be full
    draft = path.with_suffix(f".{os.getpid()}")
    try:
        draft.write_text(secrets.token_hex(16))
        with suppress(FileExistsError):
            os.link(draft, path)  # whole from the start, and never another one's
    except OSError as error:
        raise SpoolError(f"the journal in {directory} cannot be written: {error}") from error
    finally:
        draft.unlink(missing_ok=True)
    return path.read_text()


def _parquet(directory: Path, journal: str) -> Sink:
    try:
        from interlock.journal.sinks.parquet import ParquetSink  # noqa: PLC0415 - needs an extra
    except ImportError:
        return _Missing("parquet", "pyarrow is not installed: pip install 'interlock[parquet]'")
    return ParquetSink(directory, journal)


class _Missing:
    """A sink that was asked for and cannot be had: the others go on, and it is seen."""

    whole = False

    def __init__(self, name: str, reason: str) -> None:
        self.name = name
        self._reason = reason

    def cursors(self) -> dict[str, int]:
        raise JournalError(self._reason)

    def write(
        self, segment: str, records: Sequence[Record], end: int, confirm: Confirm = certain
    ) -> None:
        raise JournalError(self._reason)

    def finish(self, segment: str, end: int) -> None:
        raise JournalError(self._reason)

    def forget(self, segments: Collection[str]) -> None:
        raise JournalError(self._reason)

    def close(self) -> None:
        pass


def _lock(directory: Path, patience: float) -> int:
    """The descriptor of a lock that only one shipper can hold."""
    try:
        segments.folder(directory).mkdir(parents=True, exist_ok=True)
        file = os.open(directory / "shipper.lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise SpoolError(f"the journal in {directory} cannot be written: {error}") from error
    deadline = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                os.close(file)
                raise BusyError(
                    f"another shipper is at work on the journal in {directory}"
                ) from None
            time.sleep(POLL)
        else:
            return file


def is_busy(directory: Path) -> bool:
    """Whether a shipper is at work on this journal."""
    try:
        return segments.is_held(directory / "shipper.lock")
    except FileNotFoundError:
        return False
