"""Who was erased: what is still on its way about them is left out, whichever sink it was for."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from interlock.errors import OutdatedError
from interlock.journal.keys.store import Erasure, Store, opened, there
from interlock.journal.record import Answer, Label, Record
from interlock.journal.seal import interim
from interlock.settings import Settings


class Known(NamedTuple):
    """Who was erased when, as it was after so many erasures."""

    generation: int
    erased: dict[bytes, Erasure]

    def without(self, records: Iterable[Record]) -> list[Record]:
        """`records` without rows and labels about erased subjects from before their erasure."""
        if not self.erased:
            return list(records)
        return [left for one in records if (left := self._without(one)) is not None]

    def _without(self, record: Record) -> Record | None:
        """What is left of `record`; None when that is nothing."""
        if isinstance(record, list):
            labels = [one for one in record if not self._took_label(one)]
            return labels or None
        moment, generation = record.moment, record.generation
        if isinstance(record, Answer):
            rows = [row for row in record.rows if not self._took(row.subject, moment, generation)]
            changed = len(rows) < len(record.rows)
            kept = msgspec.structs.replace(record, rows=rows) if changed else record
            return kept if rows else None
        named = (record.subject, record.key)
        return None if any(self._took(one, moment, generation) for one in named) else record

    def _took_label(self, label: Label) -> bool:
        """Whether it was erased: by its own name, its prediction's, or its routing key."""
        named = (interim(label.id), interim(label.prediction or ""), label.key)
        return any(self._took(one, label.received, label.generation) for one in named)

    def _took(self, name: bytes | None, moment: int, generation: int | None) -> bool:
        """Whether the erasure of `name` came after what was recorded then, by who knew that much.

        Counted, where it was counted: a clock may have been set back since.
        """
        erasure = self.erased.get(name or b"")
        if erasure is None:
            return False
        if generation is None:
            return moment <= erasure.moment
        return generation < erasure.generation


class Erased:
    """The erased subjects in the key store that `settings` name. Threads may share it.

    Methods raise KeyStoreError when the store cannot be reached: then nothing may be moved, for
    nobody knows who was erased.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._store: Store = opened(settings)
        self._known = Known(0, {})

    def look(self) -> Known:
        """Who is erased by now; read anew after each erasure."""
        generation = self._generation()
        if generation != self._known.generation:
            self._known = Known(generation, self._store.erased())
        return self._known

    def confirm(self, known: Known) -> None:
        """OutdatedError when somebody was erased since `known` was looked up."""
        if self._generation() != known.generation:
            raise OutdatedError("somebody was erased meanwhile")

    def close(self) -> None:
        """Give the connection back."""
        self._store.close()

    def _generation(self) -> int:
        return self._store.generation() if there(self._settings) else 0
