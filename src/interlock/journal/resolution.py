"""Resolution: labels find the predictions that they are about, whichever of the two came first."""

from __future__ import annotations

import time
from collections.abc import Sequence

import sqlalchemy as sa

from interlock.journal.seal import Resealer
from interlock.settings import Settings
from interlock.state import labels
from interlock.state.labels import Placed, Row

YOUNG = 86_400.0
"""Seconds after which a label without a prediction is looked at only every `SELDOM`."""
SELDOM = 3600.0
"""Seconds between two looks at all labels without a prediction."""
SETTLED = 3600.0
"""Seconds after which a label by key stays with its prediction, though a nearer one may come."""

_BATCH = 1000
_MICRO = 1_000_000


class Resolver:
    """Joins labels in the database of `engine` to their predictions.

    What is encrypted is sealed anew, for whom the prediction is about.

    Raises
    ------
    KeyStoreError
        When a key that it needs is missing or wrong.
    """

    def __init__(self, engine: sa.Engine, settings: Settings) -> None:
        self._engine = engine
        self._resealer = Resealer(settings)
        self._looked = float("-inf")

    def resolve(self) -> int:
        """Join what can be joined by now; returns how many labels found a prediction.

        Raises
        ------
        DatabaseError, KeyStoreError
            When that cannot be done now; nothing is lost, the next call begins again.
        """
        now = time.time()
        everything = time.monotonic() >= self._looked + SELDOM
        since = 0 if everything else round((now - YOUNG) * _MICRO)
        found = 0
        while placed := self._batch(since, now):
            found += placed
        if everything:
            self._looked = time.monotonic()
        return found

    def close(self) -> None:
        """Give the key store back."""
        self._resealer.close()

    def _batch(self, since: int, now: float) -> int:
        settled = round((now - SETTLED) * _MICRO)
        with self._engine.connect() as connection:
            rows = labels.unresolved(connection, since, _BATCH)
            rows += labels.misplaced(connection, since, settled, _BATCH)
        if rows:
            self._place(rows, round(now * _MICRO))
        return len(rows)

    def _place(self, rows: Sequence[Row], now: int) -> None:
        placed = [self._sealed_anew(row) for row in rows]
        with self._engine.begin() as connection:
            labels.place(connection, placed, now)
        # The keys they came with go last: until here a crash leaves them readable.
        self._resealer.drop([one.id for one, row in zip(placed, rows, strict=True) if row.seal])

    def _sealed_anew(self, row: Row) -> Placed:
        id_, value, seal, prediction, subject = tuple(row)
        stored, key_id = self._resealer.reseal(id_, value, seal, subject)
        return Placed(id_, prediction, stored, key_id)
