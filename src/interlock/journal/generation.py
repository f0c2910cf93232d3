"""How many erasures a process knows of: it tells what was recorded before one from what came after.

Not the clock, which is set back at times.
"""

from __future__ import annotations

from time import monotonic

from interlock.errors import KeyStoreError
from interlock.journal.keys.store import opened, there
from interlock.settings import Settings

LIFE = 1.0
"""Seconds for which a process may know nothing of an erasure, and go on using its key."""


class Generation:
    """Counts the erasures in the key store that `settings` name, where nothing is sealed."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._store = opened(settings)
        self._known: int | None = None
        self._good_until = 0.0

    def known(self) -> int | None:
        """How many there were `LIFE` ago or later; None when the store cannot be reached."""
        now = monotonic()
        if now >= self._good_until:
            self._known = self._look()
            self._good_until = now + LIFE
        return self._known

    def close(self) -> None:
        """Give the connection back."""
        self._store.close()

    def _look(self) -> int | None:
        try:
            return self._store.generation() if there(self._settings) else 0
        except KeyStoreError:
            return None
