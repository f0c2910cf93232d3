"""Sealing: payloads as they are stored, encrypted under a key of whom they are about.

A sealed payload is a nonce of 12 bytes and what AES-256-GCM makes of the payload under the data key
of its subject; the record's id is authenticated with it, so that none can take another's place.
What has no subject is sealed with a key of its day.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from os import urandom
from time import monotonic
from typing import NamedTuple, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from interlock.errors import KeyStoreError
from interlock.journal.generation import LIFE, Generation
from interlock.journal.hashing import Hasher
from interlock.journal.keys import Kept, Store, opened
from interlock.journal.keys.store import there
from interlock.journal.master import Ring, ring
from interlock.settings import Settings

_NONCE = 12
_CACHED = 4096  # data keys that a process remembers
_DAY = 86_400


class Sealer(Protocol):
    """Makes of a payload what is stored."""

    def seal(
        self, subject: bytes | None, record: str, payload: bytes
    ) -> tuple[bytes, bytes | None]:
        """What to store for `payload` of `record`, and the id of the key (None: as it is).

        Raises
        ------
        KeyStoreError
            When the key cannot be had: then nothing may be stored.
        """
        ...

    def prepare(self, subjects: Sequence[bytes]) -> None:
        """Get the keys of many subjects at once, for a whole batch."""

    def generation(self) -> int | None:
        """How many erasures this process knows of; None when nobody can tell.

        What is sealed after this was asked is sealed with no key that one of them took.
        """

    def close(self) -> None:
        """Give connections back."""


class Opener(Protocol):
    """Makes of what is stored the payload again."""

    def open(self, seal: bytes | None, record: str, payload: bytes) -> bytes | None:
        """The payload of `record`; None when it is sealed and its key is gone or not at hand.

        Raises
        ------
        KeyStoreError
            When it is not what was sealed for this record.
        """
        ...

    def close(self) -> None:
        """Give connections back."""


class Clear:
    """Stores payloads as they are, and opens those that were stored so."""

    def __init__(self, generation: Generation | None = None) -> None:
        self._generation = generation

    def seal(
        self, subject: bytes | None, record: str, payload: bytes
    ) -> tuple[bytes, bytes | None]:
        return payload, None

    def prepare(self, subjects: Sequence[bytes]) -> None:
        """Nothing to get."""

    def generation(self) -> int | None:
        return self._generation.known() if self._generation else None

    def open(self, seal: bytes | None, record: str, payload: bytes) -> bytes | None:
        return payload if seal is None else None

    def close(self) -> None:
        if self._generation:
            self._generation.close()


class _Key(NamedTuple):
    id: bytes
    cipher: AESGCM


class _Keys:
    """Data keys at hand, unwrapped. All are let go of when any key was erased."""

    def __init__(self, store: Store, masters: Ring) -> None:
        self.store = store
        self._masters = masters
        self._cached: dict[bytes, _Key] = {}
        self._generation = -1
        self._good_until = 0.0

    def close(self) -> None:
        self._cached.clear()
        self.store.close()

    def cached(self, name: bytes) -> _Key | None:
        """The key remembered by `name`, if no key was erased since."""
        self.generation()
        return self._cached.get(name)

    def generation(self) -> int:
        """How many erasures there were `LIFE` ago or later."""
        if monotonic() >= self._good_until:
            self._look()
        return self._generation

    def remember(self, name: bytes, kept: Kept) -> _Key:
        """Unwrap a key and remember it by `name`."""
        if len(self._cached) >= _CACHED:
            del self._cached[next(iter(self._cached))]
        key = _Key(kept.id, AESGCM(self._masters.unwrap(kept.wrapped, kept.master)))
        self._cached[name] = key
        return key

    def wrap(self, key: bytes) -> tuple[bytes, str]:
        return self._masters.wrap(key), self._masters.present.id

    def _look(self) -> None:
        looked = monotonic()
        try:
            generation = self.store.generation()
        except KeyStoreError:
            self._cached.clear()  # what comes back may be another store, which has none of them
            raise
        if generation != self._generation:
            self._cached.clear()
        self._generation = generation
        self._good_until = looked + LIFE


class Sealed:
    """Seals payloads under the data keys in `store`, which `masters` wrap."""

    def __init__(self, store: Store, masters: Ring) -> None:
        self._keys = _Keys(store, masters)

    def seal(
        self, subject: bytes | None, record: str, payload: bytes
    ) -> tuple[bytes, bytes | None]:
        whom = _today() if subject is None else subject
        key = self._keys.cached(whom) or self._obtain([whom])[0]
        nonce = urandom(_NONCE)
        return nonce + key.cipher.encrypt(nonce, payload, record.encode()), key.id

    def prepare(self, subjects: Sequence[bytes]) -> None:
        self._obtain([whom for whom in subjects if self._keys.cached(whom) is None])

    def generation(self) -> int | None:
        return self._keys.generation()

    def close(self) -> None:
        self._keys.close()

    def _obtain(self, subjects: Sequence[bytes]) -> list[_Key]:
        kept = self._keys.store.obtain(subjects, self._keys.wrap)
        return [self._keys.remember(subject, kept[subject]) for subject in subjects]


class Keyed:
    """Opens what `Sealed` has sealed, as long as the key is there."""

    def __init__(self, store: Store, masters: Ring) -> None:
        self._keys = _Keys(store, masters)

    def open(self, seal: bytes | None, record: str, payload: bytes) -> bytes | None:
        if seal is None:
            return payload
        key = self._keys.cached(seal) or self._find(seal)
        if key is None:
            return None
        try:
            return key.cipher.decrypt(payload[:_NONCE], payload[_NONCE:], record.encode())
        except (InvalidTag, ValueError):
            raise KeyStoreError(
                f"the payload of {record} is not what was sealed for it: it was changed"
            ) from None

    def close(self) -> None:
        self._keys.close()

    def _find(self, seal: bytes) -> _Key | None:
        kept = self._keys.store.find(seal)
        return None if kept is None else self._keys.remember(seal, kept)


class Resealer:
    """Moves labels from the key that each had when it came to the key of its prediction's subject.

    A label that names a prediction does not say whom it is about. Until that is known it is sealed
    for `interim`; `drop` that key once the label is stored anew.
    """

    def __init__(self, settings: Settings) -> None:
        self._opener = opener(settings)
        self._sealer = of(settings)
        self._store = opened(settings) if ring(settings) else None

    def reseal(
        self, label: str, value: bytes, seal: bytes | None, subject: bytes | None
    ) -> tuple[bytes, bytes | None]:
        """`value` of the label with this id, sealed for `subject`; as it is when it cannot be."""
        clear = None if seal is None else self._opener.open(seal, label, value)
        return (value, seal) if clear is None else self._sealer.seal(subject, label, clear)

    def drop(self, labels: Sequence[str]) -> int:
        """Delete the interim keys of these labels; returns how many there were."""
        return self._store.forget([interim(label) for label in labels]) if self._store else 0

    def close(self) -> None:
        self._opener.close()
        self._sealer.close()
        if self._store:
            self._store.close()


def interim(label: str) -> bytes:
    """For whom a label is sealed as long as nobody knows whom it is about: for itself alone."""
    return label.encode()


def of(settings: Settings) -> Sealer:
    """The sealer that `settings` ask for: payloads stay clear when no master key is named.

    Raises
    ------
    KeyStoreError
        When there are data keys and no master key, or not the one that has wrapped them; when the
        store cannot be reached, or a master key is none.
    """
    masters = ring(settings)
    if masters is None:
        _refuse_clear(settings)
        return Clear(Generation(settings))
    store = opened(settings)
    store.tie(Hasher(settings))
    _check(store, masters)
    return Sealed(store, masters)


def opener(settings: Settings) -> Opener:
    """What opens payloads; without a master key, only those that are not sealed."""
    masters = ring(settings)
    return Clear() if masters is None else Keyed(opened(settings), masters)


def _refuse_clear(settings: Settings) -> None:
    """A master key that got lost must not mean that everything is written in clear from now on."""
    if not there(settings):
        return
    store = opened(settings)
    try:
        found = store.holdings()
    finally:
        store.close()
    if found:
        raise KeyStoreError(
            f"payloads are encrypted here, by master key {found[0].master}, and the settings name"
            " none: set INTERLOCK_MASTER_KEY or INTERLOCK_MASTER_KEY_FILE. To write in clear from"
            " now on, move the key store away: what is sealed then stays so."
        )


def _check(store: Store, masters: Ring) -> None:
    for holding in store.holdings():
        if holding.master not in masters:
            raise KeyStoreError(
                f"the wrong master key: {holding.keys} data keys are wrapped by"
                f" {holding.master}, and the settings give {', '.join(masters.ids)}"
            )
        kept = store.sample(holding.master)
        if kept is not None:
            masters.unwrap(kept.wrapped, kept.master)


def _today() -> bytes:
    return b"day %d" % (time.time() // _DAY)
