"""A worker's end of the journal: what is answered and what is refused goes on record here.

What one turn of the event loop answers goes to the spool by one write, and leaves after it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

import structlog
from msgspec.structs import replace
from uuid_utils import uuid7

from interlock.errors import JournalError, RequestError, SpoolError, UnrecordedError
from interlock.journal import record, seal
from interlock.journal.hashing import Hasher
from interlock.journal.record import Answer, Failure, Row
from interlock.journal.spool import Spool
from interlock.routing.route import LIVE
from interlock.serve import metrics
from interlock.serve.metrics import Recorder
from interlock.serve.request import Headers
from interlock.serve.turn import Posted
from interlock.settings import Settings
from interlock.signature import answers
from interlock.signature.records import Feed

if TYPE_CHECKING:
    from interlock.serve.shadow import Second

_TOGETHER = 4 * 1024 * 1024  # bytes of rows in one frame; an answer with more takes several
_BODY = 64 * 1024  # bytes that are kept of a body that could not be answered
_SILENCE = 1.0  # seconds between two lines in the log about one trouble

Heard: TypeAlias = Callable[[UnrecordedError | None], None]

_log = structlog.get_logger()


class Journal:
    """Puts on record what a worker answers.

    Raises
    ------
    JournalError
        When a key that it needs is missing or wrong.
    """

    def __init__(self, settings: Settings, slot: int, recorder: Recorder) -> None:
        self.spool = Spool(settings.spool(), slot, settings)
        self._sealer = seal.of(settings)
        self.hasher = Hasher(settings)
        self._hash = self.hasher.hash
        self._refuses = settings.journal_when_full == "refuse"
        self._failures = settings.journal_failures
        self._answers = 0
        self._frames = recorder.counter(metrics.JOURNAL_FRAMES)
        self._bytes = recorder.counter(metrics.JOURNAL_BYTES)
        self._refused = recorder.counter(metrics.JOURNAL_REFUSED)
        self._unrecorded = recorder.counter(metrics.JOURNAL_UNRECORDED)
        self._spoke = -_SILENCE

    def answered(
        self, posted: Posted, request: Any, rows: list[answers.Row], ids: list[str], latency: float
    ) -> int | None:
        """Have an answer written by the next `commit`; returns its moment on record, if it has one.

        Raises
        ------
        UnrecordedError
            When it can never be: too large, or its key cannot be had.
        """
        moment = _arrival(latency)
        try:
            known = self._sealer.generation()
            kept = self._rows(posted, request, rows, ids)
            self.spool.append(self._framed(posted, kept, latency, moment, known))
        except JournalError as error:
            refusal = self._unwritten(1, error)
            if refusal is not None:
                raise refusal from error
            return None
        self._answers += 1
        return moment

    def shadowed(self, posted: Posted, second: Second, primaries: list[str], moment: int) -> None:
        """Write what a shadow answered: the same request, so the same moment, key and caller.

        Raises
        ------
        JournalError
            When it cannot be written.
        """
        ids = [str(uuid7()) for _ in primaries]
        known = self._sealer.generation()
        rows = self._rows(posted, second.request, second.rows, ids)
        kept = [replace(row, primary=id_) for row, id_ in zip(rows, primaries, strict=True)]
        self.spool.append(self._framed(posted, kept, second.latency, moment, known))
        self._write()

    def unshadowed(self, posted: Posted, error: RequestError, moment: int) -> None:
        """Write that a shadow failed on what the caller was answered, if the settings want it."""
        if self._failures == "off":
            return
        try:
            self.spool.append([record.frame(replace(self._failure(posted, error), moment=moment))])
            self._write()
        except JournalError as trouble:
            self._complain(trouble)

    def failed(self, posted: Posted, error: RequestError) -> None:
        """Have a refusal or failure written by the next `commit`, if the settings want it."""
        if self._failures == "off" or isinstance(error, UnrecordedError):
            return
        try:
            self.spool.append([record.frame(self._failure(posted, error))])
        except JournalError as trouble:  # the caller is told of the failure all the same
            self._complain(trouble)

    def _framed(
        self, posted: Posted, rows: list[Row], latency: float, moment: int, known: int | None
    ) -> list[bytes]:
        door, headers = posted.door, posted.headers
        answer = Answer(
            moment,
            door.served.name,
            door.served.version,
            door.arm or LIVE,
            door.name,
            latency,
            rows,
            self._hash(headers.key, "key") if headers.key else None,
            headers.caller,
            known,
        )
        if len(rows) == 1:
            return [record.frame(answer)]
        return [record.frame(replace(answer, rows=part)) for part in _parts(rows)]

    def _rows(
        self, posted: Posted, request: Any, rows: list[answers.Row], ids: list[str]
    ) -> list[Row]:
        payloads = posted.door.served.payloads
        subjects = self._subjects(posted, request.feed, len(ids))
        if len(ids) == 1:
            payload = payloads.row(request.feed, rows[0], request.flags)
            return [self._row(ids[0], payload, subjects[0])]
        self._sealer.prepare(list({subject for subject in subjects if subject}))
        made = payloads.rows(request.feed, rows, request.flags)
        return [self._row(*row) for row in zip(ids, made, subjects, strict=True)]

    def _subjects(self, posted: Posted, feed: Feed, count: int) -> list[bytes | None]:
        """Whom each of `count` rows is about."""
        about, named = self._about(posted.headers), posted.door.served.subjects
        if named is None:
            return [about] * count
        return [self._hash(name, "subject") if name else about for name in named(feed)]

    def _row(self, id_: str, payload: bytes, subject: bytes | None) -> Row:
        stored, key_id = self._sealer.seal(subject, id_, payload)
        return Row(id_, stored, subject, key_id)

    def _failure(self, posted: Posted, error: RequestError) -> Failure:
        headers, served = posted.headers, posted.door.served
        latency = time.perf_counter() - posted.started
        id_, about = str(uuid7()), self._about(headers)
        body = key_id = None
        known = self._sealer.generation()
        if self._failures == "body" and served.keeps_bodies:
            body, key_id = self._sealer.seal(about, id_, posted.body[:_BODY])
        return Failure(
            id=id_,
            moment=_arrival(latency),
            deployment=served.name,
            door=posted.door.name,
            code=error.code,
            status=error.status,
            latency=latency,
            key=self._hash(headers.key, "key") if headers.key else None,
            caller=headers.caller,
            body=body,
            seal=key_id,
            version=served.version if posted.door.arm else None,
            arm=posted.door.arm,
            subject=about,
            generation=known,
        )

    def _about(self, headers: Headers) -> bytes | None:
        """Whom a request is about, where no input says so."""
        text = headers.subject or headers.key
        return self._hash(text, "subject") if text else None

    def commit(self, heard: Heard) -> None:
        """Write all that was handed in; `heard` is called when it is as safe as it has to be.

        That is before this returns, unless answers wait for the disk. It is given an error when
        they must not leave.
        """
        waiting, self._answers = self._answers, 0
        try:
            self._write()
        except SpoolError as error:
            heard(self._unwritten(waiting, error))
            return
        if waiting and self.spool.waits:
            self._synced(lambda error: heard(self._unwritten(waiting, error) if error else None))
        else:
            heard(None)

    async def committed(self) -> UnrecordedError | None:
        """`commit`, for those who can wait."""
        done: asyncio.Future[UnrecordedError | None] = asyncio.get_running_loop().create_future()
        self.commit(partial(_settle, done))
        return await done

    async def labelled(self, frames: Sequence[bytes]) -> None:
        """Put labels on record. Whoever sent them can send them again: none is taken unrecorded.

        Raises
        ------
        SpoolError
            When they cannot be written.
        """
        self.spool.append(frames)
        self._write()
        if self.spool.waits:
            done: asyncio.Future[SpoolError | None] = asyncio.get_running_loop().create_future()
            self._synced(partial(_settle, done))
            if (error := await done) is not None:
                raise error

    def close(self) -> None:
        """End the segment, for the shipper, and give connections back."""
        self.spool.close()
        self._sealer.close()

    def _write(self) -> None:
        frames, size = self.spool.commit()
        self._frames.add(frames)
        self._bytes.add(size)

    def _synced(self, heard: Callable[[SpoolError | None], None]) -> None:
        """Have `heard` called, by the event loop, when what is written is on the disk."""
        loop = asyncio.get_running_loop()

        def later(error: SpoolError | None) -> None:
            loop.call_soon_threadsafe(heard, error)

        self.spool.synced(later)

    def _unwritten(self, waiting: int, error: JournalError) -> UnrecordedError | None:
        """Count answers that are not on record; what their callers are told, if not the answer."""
        (self._refused if self._refuses else self._unrecorded).add(waiting)
        self._complain(error)
        return _refusal() if self._refuses else None

    def _complain(self, error: JournalError) -> None:
        """Say in the log what is wrong, but not for every request."""
        now = time.monotonic()
        if now > self._spoke + _SILENCE:
            self._spoke = now
            answers = "refused" if self._refuses else "given without a record"
            _log.error("the journal takes no records", answers=answers, reason=str(error))


def _settle(done: asyncio.Future[Any], error: JournalError | UnrecordedError | None) -> None:
    if not done.done():  # nobody may be left to wait for it
        done.set_result(error)


def _refusal() -> UnrecordedError:
    return UnrecordedError(
        "the answer could not be put on record, so it is not given", headers={"Retry-After": "1"}
    )


def _arrival(latency: float) -> int:
    return time.time_ns() // 1000 - int(latency * 1e6)


def _parts(rows: list[Row]) -> Iterator[list[Row]]:
    """`rows` in lists of no more than `_TOGETHER` bytes, where a row is not larger by itself."""
    part: list[Row] = []
    size = 0
    for row in rows:
        if part and size + len(row.payload) > _TOGETHER:
            yield part
            part, size = [], 0
        part.append(row)
        size += len(row.payload)
    yield part
