"""Erasing a subject: its keys, labels and rows, wherever they are, until nothing is readable."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import msgspec

from interlock.errors import DatabaseError, InterlockError, JournalError
from interlock.journal import audit, intent, keys, ties
from interlock.journal.damage import Damages
from interlock.journal.generation import LIFE
from interlock.journal.hashing import Hasher
from interlock.journal.intent import Intent
from interlock.journal.seal import interim
from interlock.journal.shipper import Shipper, is_busy
from interlock.journal.traces import Answered, Traces, answered
from interlock.settings import Settings
from interlock.state import database, schema, subjects

if TYPE_CHECKING:
    import sqlalchemy as sa

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


class Erasure:
    """Erases `subject` from everything that `settings` name.

    What cannot be reached does not keep the rest from being erased: see `Report.left`.
    """

    def __init__(self, settings: Settings, subject: str) -> None:
        ties.keep_hash_key(settings)
        hasher = Hasher(settings)
        self._settings = settings
        self._hasher = hasher
        self._subject = hasher.hash(subject, "subject")
        self._key = hasher.hash(subject, "key")
        self._spool = settings.spool()
        self._traces = Traces(self._subject, self._key)
        self._report = Report(subject=self._subject.hex())
        self._intent = Intent(subject=self._report.subject)

    def run(self, reason: str = "", *, wait: float = 180.0) -> Report:
        """Erase, and put the act on record.

        `wait` is how many seconds segments of the spool that hold the subject readable may take to
        be shipped; what is sealed needs no waiting. What an earlier run has left is finished.

        Raises
        ------
        KeyStoreError
            When the keys cannot be erased, or another hash key is in force than the one that the
            subject was recorded by: then nothing was.
        """
        self._intent = intent.begun(self._settings.home, self._report.subject, reason)
        store = keys.opened(self._settings)
        try:
            store.tie(self._hasher)
            self._tie_database()
            self._try(self._look)
            self._intent.keep(self._settings.home)
            self._erase_keys(store)
        finally:
            store.close()
        self._try(lambda: self._pass_spool(wait))
        self._try(self._delete_rows)
        self._try(self._rewrite_parquet)
        self._try(self._delete_damaged)
        if "_engine" in self.__dict__:
            self._engine.dispose()
        self._finish()
        return self._report

    def _tie_database(self) -> None:
        try:
            ties.tie(self._engine, self._hasher)
        except DatabaseError as error:
            self._report.left.append(str(error))

    def _finish(self) -> None:
        """Put it on record; what is not, or not done, the next run finds written down."""
        try:
            said = msgspec.to_builtins(self._report)
            about = f"subject {said.pop('subject')}"
            audit.record(self._settings, "erase", about, self._intent.reason, **said)
        except InterlockError as error:
            self._report.left.append(f"the erasure is not in the audit log: {error}")
        if not self._report.left:
            self._intent.drop(self._settings.home)

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

    def _look(self) -> None:
        """Find out what the spool has to tell, before the shipper leaves it out."""
        self._traces.look(self._spool)
        self._report.clear = self._traces.clear
        self._intent.predictions |= self._traces.predictions
        self._intent.keys |= self._traces.keys
        self._try(self._look_for_labels)

    def _look_for_labels(self) -> None:
        """Labels of the subject's predictions; by key, where the last answer before was its own."""
        theirs, ours = subjects.keys(self._engine, self._subject), self._intent
        ours.keys |= theirs - {self._key}
        spooled = answered(self._spool, ours.keys, self._subject)
        for row in subjects.by_keys(self._engine, ours.keys):
            if self._is_ours(row.key, row.at, row.deployment, spooled):
                ours.labels.add(row.id)
        for label, _ in self._traces.labels:
            if label.at is None or label.key is None or label.key not in ours.keys:
                continue
            if self._is_ours(label.key, label.at, label.deployment, spooled):
                ours.labels.add(label.id)

    def _is_ours(
        self, key: bytes, at: int, deployment: str | None, spooled: dict[bytes, list[Answered]]
    ) -> bool:
        """Whether a label by key is about the subject: the last answer at or before it is meant."""
        found = [
            one
            for one in spooled.get(key, [])
            if one.moment <= at and deployment in (None, one.deployment)
        ]
        kept = subjects.nearest(self._engine, key, at, deployment)
        if kept is not None:
            found.append(Answered(kept.moment, kept.id, "", kept.subject == self._subject))
        return bool(found) and max(found, key=lambda one: (one.moment, one.id)).ours

    def _erase_keys(self, store: keys.Store) -> None:
        """The subject's key first, then those of labels that were not known to be about it.

        Ids of its predictions are kept as erased, so that labels that follow them go as well; its
        hash as a routing key, for failures that name it so.
        """
        until = time.time_ns() // 1000 + int(LIFE * 1_000_000)
        gone = [one.encode() for one in sorted(self._intent.predictions)]
        self._report.keys = store.erase([self._subject, self._key, *gone], [], until)
        waiting: list[str] = list(self._intent.labels)
        there: list[str] = []
        self._try(lambda: waiting.extend(self._waiting_labels()))
        self._try(lambda: there.extend(self._labels()))
        self._report.keys += store.erase(
            [interim(label) for label in waiting], [interim(label) for label in there], until
        )
        store.shred()

    def _labels(self) -> list[str]:
        return subjects.labels(self._engine, self._subject, self._key, self._intent.predictions)

    def _waiting_labels(self) -> list[str]:
        """Ids of the labels in the spool that are about the subject."""
        labels = self._traces.labels
        ours = set(self._intent.predictions)
        named = [label.prediction for label, _ in labels if label.prediction]
        self._try(lambda: ours.update(subjects.predictions(self._engine, self._subject, named)))
        found = []
        for label, path in labels:
            mine = label.id in self._intent.labels or label.key == self._key
            if mine or label.prediction in ours:
                found.append(label.id)
                self._traces.note(path, label.seal, label.value)
        self._report.clear |= self._traces.clear
        return found

    def _pass_spool(self, wait: float) -> None:
        """Have shipped, and so deleted, what of the spool is readable."""
        deadline = time.monotonic() + wait
        while self._waiting() and time.monotonic() < deadline:
            _ship(self._settings)
            time.sleep(_LOOK)
        if self._waiting():
            raise JournalError(
                f"the spool {self._spool} still holds it readable, in {len(self._waiting())}"
                " segments: a sink takes nothing, or has not come so far. It will be left out when"
                " they are shipped. Then run the command again."
            )

    def _waiting(self) -> list[Path]:
        return [path for path in self._traces.readable if path.exists()]

    def _delete_rows(self) -> None:
        gone = subjects.delete(
            self._engine,
            self._subject,
            self._key,
            predictions=self._intent.predictions,
            labels=self._intent.labels,
        )
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


def _ship(settings: Settings) -> None:
    """Ship what lies there, unless a server's shipper is at it."""
    if not is_busy(settings.spool()):
        shipper = Shipper(settings)
        shipper.stop()
        shipper.run()
