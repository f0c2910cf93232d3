"""Who was erased: what is still on its way about them is left out, whichever sink it was for."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from interlock.journal.keys.store import Store, opened, there
from interlock.journal.record import Answer, Label, Record
from interlock.journal.seal import interim
from interlock.settings import Settings


class Erased:
    """The erased subjects in the key store that `settings` name. Threads may share it.

    Methods raise KeyStoreError when the store cannot be reached: then nothing may be moved, for
    nobody knows who was erased.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._store: Store = opened(settings)
        self._known: tuple[int, dict[bytes, int]] = (0, {})

    def without(self, records: Iterable[Record]) -> list[Record]:
        """`records` without rows and labels about erased subjects from before their erasure."""
        until = self._until()
        if not until:
            return list(records)
        kept = (_without(one, until) for one in records)
        return [one for one in kept if one is not None]

    def close(self) -> None:
        """Give the connection back."""
        self._store.close()

    def _until(self) -> dict[bytes, int]:
        """Until when each erased subject was erased; looked up anew after each erasure."""
        if not there(self._settings):
            return {}
        generation = self._store.generation()
        if generation != self._known[0]:
            self._known = (generation, self._store.erased())
        return self._known[1]


def _without(record: Record, until: dict[bytes, int]) -> Record | None:
    """What is left of `record`; None when that is nothing."""
    if isinstance(record, Answer):
        rows = [row for row in record.rows if record.moment > until.get(row.subject or b"", 0)]
        changed = len(rows) < len(record.rows)
        kept = msgspec.structs.replace(record, rows=rows) if changed else record
        return kept if rows else None
    if isinstance(record, list):
        labels = [one for one in record if one.received > _of_label(one, until)]
        return labels or None
    named = (record.subject or b"", record.key or b"")
    return record if record.moment > max(until.get(one, 0) for one in named) else None


def _of_label(label: Label, until: dict[bytes, int]) -> int:
    """Until when the label was erased: by its own name, its prediction's, or its routing key."""
    about = interim(label.prediction or "")
    return max(until.get(one, 0) for one in (interim(label.id), about, label.key or b""))
