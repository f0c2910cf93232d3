"""Changing the master key: data keys are wrapped anew, and no data is touched."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from interlock.errors import ConfigurationError
from interlock.journal.keys.store import Kept, opened
from interlock.journal.master import Ring, ring
from interlock.settings import Settings

Notify: TypeAlias = Callable[[int], object]


def masters(settings: Settings) -> Ring:
    """The master keys that `settings` name; ConfigurationError when they name none."""
    found = ring(settings)
    if found is None:
        raise ConfigurationError(
            "no master key is set: give INTERLOCK_MASTER_KEY, INTERLOCK_MASTER_KEY_FILE or"
            " INTERLOCK_KEY_SERVICE; `interlock keys create` makes one"
        )
    return found


def rotate(settings: Settings, notify: Notify = lambda _done: None) -> int:
    """Have every data key wrapped by the first master key; returns how many were changed.

    Can be interrupted at any moment and run again, also while servers that know both keys answer.

    Raises
    ------
    KeyStoreError
        When a data key is wrapped by a master key that the settings do not give.
    """
    keys = masters(settings)
    store = opened(settings)

    def change(kept: Kept) -> bytes:
        return keys.wrap(keys.unwrap(kept.wrapped, kept.master))

    total = 0
    try:
        while done := store.rewrap(keys.present.id, change):
            total += done
            notify(done)
    finally:
        store.close()
    return total
