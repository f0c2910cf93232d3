"""Erasing a subject: its keys, labels and rows, wherever they are, until nothing is readable."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import msgspec

from interlock.errors import InterlockError, JournalError
from interlock.journal import audit, keys, segments
from interlock.journal.damage import Damages
from interlock.journal.hashing import Hasher
from interlock.journal.reading import Reader
from interlock.journal.record import Answer, Failure, Label, Record
from interlock.journal.seal import LIFE, interim
from interlock.journal.shipper import Shipper, is_busy
from interlock.settings import Settings
from interlock.state import database, schema, subjects

if TYPE_CHECKING:
    import sqlalchemy as sa

    from interlock.journal.segments import Segment

_PIECE = 4 * 1024 * 1024  # bytes of a segment in memory at a time
_LOOK = 0.1

Step: TypeAlias = Callable[[], None]


class Report(msgspec.Struct, kw_only=True):
    """What was erased of the subject with this hash.

    `clear` says whether anything had been written in clear: then older copies still hold it.
    `left` has a sentence for everything that could not be reached.
    """

    subject: str
    keys: int = 0
    predictions: int = 0
    labels: int = 0
    failures: int = 0
    parquet: int = 0
    damaged: int = 0
    clear: bool = False
    left: list[str] = []


class _Found(msgspec.Struct):
    """What lies in the spool: `clear` are the segments that hold something readable."""

    predictions: set[str] = msgspec.field(default_factory=set)
    labels: list[tuple[Label, Path]] = msgspec.field(default_factory=list)
    clear: set[Path] = msgspec.field(default_factory=set)


class Erasure:
    """Erases `subject` from everything that `settings` name.

    What cannot be reached does not keep the rest from being erased: see `Report.left`.
    """

    def __init__(self, settings: Settings, subject: str) -> None:
        hasher = Hasher(settings)
        self._settings = settings
        self._subject = hasher.hash(subject, "subject")
        self._key = hasher.hash(subject, "key")
        self._spool = settings.spool()
        self._found = _Found()
        self._report = Report(subject=self._subject.hex())

    def run(self, reason: str = "", *, wait: float = 180.0) -> Report:
        """Erase, and put the act on record.

        `wait` is how many seconds segments of the spool that hold the subject in clear may take to
        be shipped; what is sealed needs no waiting.

        Raises
        ------
        KeyStoreError
            When the keys cannot be erased: then nothing was.
        """
        store = keys.opened(self._settings)
        try:
            self._erase_keys(store)
        finally:
            store.close()
        self._try(lambda: self._pass_spool(wait))
        self._try(self._delete_rows)
        self._try(self._rewrite_parquet)
        self._try(self._delete_damaged)
        if "_engine" in self.__dict__:
            self._engine.dispose()
        self._try(lambda: self._put_on_record(reason))
        return self._report

    @cached_property
    def _engine(self) -> sa.Engine:
        engine = database.connect(self._settings)
        schema.ensure(engine)
        return engine

    def _try(self, step: Step) -> None:
        try:
            step()
        except InterlockError as error:
            self._report.left.append(str(error))

    def _put_on_record(self, reason: str) -> None:
        said = msgspec.to_builtins(self._report)
        audit.record(self._settings, "erase", f"subject {said.pop('subject')}", reason, **said)

    def _erase_keys(self, store: keys.Store) -> None:
        """The subject's key first, then those of labels that were not known to be about it."""
        until = time.time_ns() // 1000 + int(LIFE * 1_000_000)
        self._report.keys = store.erase([self._subject], [], until)
        self._try(self._look_into_spool)
        waiting: list[str] = []
        there: list[str] = []
        self._try(lambda: waiting.extend(self._waiting_labels()))
        self._try(lambda: there.extend(subjects.labels(self._engine, self._subject, self._key)))
        self._report.keys += store.erase(
            [interim(label) for label in waiting], [interim(label) for label in there], until
        )
        store.shred()

    def _waiting_labels(self) -> list[str]:
        """Ids of the labels in the spool that are about the subject."""
        labels = self._found.labels
        named = [label.prediction for label, _ in labels if label.prediction]
        ours = self._found.predictions | subjects.predictions(self._engine, self._subject, named)
        found = []
        for label, path in labels:
            if label.prediction in ours or label.key == self._key:
                found.append(label.id)
                self._note(path, label.seal, label.value)
        return found

    def _look_into_spool(self) -> None:
        for segment in segments.listed(self._spool):
            for record in _records(segment):
                self._look_at(record, segment.path)

    def _look_at(self, record: Record, path: Path) -> None:
        if isinstance(record, Answer):
            for row in record.rows:
                if row.subject == self._subject:
                    self._found.predictions.add(row.id)
                    self._note(path, row.seal, row.payload)
        elif isinstance(record, Failure):
            if self._subject == record.subject or record.key == self._key:
                self._note(path, record.seal, record.body)
        else:
            self._found.labels += [(label, path) for label in record]

    def _note(self, path: Path, seal: bytes | None, payload: bytes | None) -> None:
        if payload is not None and seal is None:
            self._found.clear.add(path)
            self._report.clear = True

    def _pass_spool(self, wait: float) -> None:
        """Have shipped, and so deleted, what of the spool is readable."""
        deadline = time.monotonic() + wait
        while self._waiting() and time.monotonic() < deadline:
            _ship(self._settings)
            time.sleep(_LOOK)
        if self._waiting():
            raise JournalError(
                f"the spool {self._spool} still holds it in clear, in {len(self._waiting())}"
                " segments: a sink takes nothing, or has not come so far. It will be left out when"
                " they are shipped. Then run the command again."
            )

    def _waiting(self) -> list[Path]:
        return [path for path in self._found.clear if path.exists()]

    def _delete_rows(self) -> None:
        gone = subjects.delete(self._engine, self._subject, self._key)
        self._report.predictions, self._report.labels = gone.predictions, gone.labels
        self._report.failures = gone.failures
        self._report.clear |= gone.clear > 0
        if gone.predictions or gone.labels or gone.failures:
            subjects.scrub(self._engine, rewrite=gone.clear > 0)

    def _rewrite_parquet(self) -> None:
        folder = self._settings.journal_parquet
        if folder is None or not folder.exists():
            return
        from interlock.journal.sinks import rewriting  # noqa: PLC0415 - needs an extra

        rows, clear = rewriting.erase(folder, self._subject)
        self._report.parquet = rows
        self._report.clear |= clear > 0

    def _delete_damaged(self) -> None:
        """Nobody can tell whom damaged bytes are about. Where they may be readable, they go."""
        if not self._report.clear:
            return
        self._report.damaged = Damages(self._spool).prune(time.time() + 1)


def _records(segment: Segment) -> Iterator[Record]:
    offset = 0
    try:
        while (piece := Reader(segment.path).read(offset, _PIECE)).end > offset:
            yield from piece.records
            offset = piece.end
    except FileNotFoundError:
        return  # shipped and deleted in between


def _ship(settings: Settings) -> None:
    """Ship what lies there, unless a server's shipper is at it."""
    if not is_busy(settings.spool()):
        shipper = Shipper(settings)
        shipper.stop()
        shipper.run()
