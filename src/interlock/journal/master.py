"""Master keys: what data keys are wrapped with. The first of a ring wraps, every one unwraps."""

from __future__ import annotations

import importlib
import os
import sys
from hashlib import blake2b
from pathlib import Path
from typing import Any, Protocol, cast

from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap

from interlock.errors import KeyStoreError
from interlock.journal.hashing import decoded
from interlock.settings import Settings


class Master(Protocol):
    """A master key, or a service that holds one and never gives it away.

    `id` says which key it is, in a few letters; it is stored beside what the key has wrapped.
    """

    @property
    def id(self) -> str: ...

    def wrap(self, key: bytes) -> bytes: ...

    def unwrap(self, wrapped: bytes) -> bytes: ...


class Local:
    """A master key in this process: AES key wrap (RFC 3394) with 256 bits."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self.id = blake2b(key, digest_size=6, person=b"master").hexdigest()

    def wrap(self, key: bytes) -> bytes:
        return aes_key_wrap(self._key, key)

    def unwrap(self, wrapped: bytes) -> bytes:
        return aes_key_unwrap(self._key, wrapped)


class Ring:
    """Master keys by their id, the present one first."""

    def __init__(self, masters: list[Master]) -> None:
        self.present = masters[0]
        self._masters = {master.id: master for master in masters}

    def __contains__(self, master: str) -> bool:
        return master in self._masters

    @property
    def ids(self) -> list[str]:
        return list(self._masters)

    def wrap(self, key: bytes) -> bytes:
        """`key` wrapped by the present master key."""
        try:
            return self.present.wrap(key)
        except Exception as error:  # whatever a key service raises, it names no key of ours
            raise KeyStoreError(f"master key {self.present.id} cannot wrap: {error}") from error

    def unwrap(self, wrapped: bytes, master: str) -> bytes:
        """The data key that `master` has wrapped; KeyStoreError when it is not in the ring."""
        if master not in self._masters:
            raise KeyStoreError(f"a data key is wrapped by master key {master}; {self._given()}")
        try:
            return self._masters[master].unwrap(wrapped)
        except InvalidUnwrap:
            raise KeyStoreError(
                f"a data key is not what master key {master} has wrapped: it was changed"
            ) from None
        except Exception as error:  # whatever a key service raises
            raise KeyStoreError(f"master key {master} cannot unwrap: {error}") from error

    def _given(self) -> str:
        return f"the settings give {', '.join(self._masters)}"


def ring(settings: Settings) -> Ring | None:
    """The master keys that `settings` name; None when they name none.

    A key service comes before the keys of `master_key`, these before those of `master_key_file`.
    Text holds one key or several, the newest first, with spaces or line ends between them.

    Raises
    ------
    KeyStoreError
        For a key that is none, a file that cannot be read, a service that is not there.
    """
    masters: list[Master] = []
    if settings.key_service:
        masters.append(_service(settings.key_service))
    if settings.master_key:
        masters += _parsed(settings.master_key, "INTERLOCK_MASTER_KEY")
    if settings.master_key_file:
        masters += _parsed(_text(settings.master_key_file), str(settings.master_key_file))
    return Ring(masters) if masters else None


def _parsed(text: str, where: str) -> list[Local]:
    keys = text.split()
    if not keys:
        raise KeyStoreError(f"{where} holds no key: expected 32 bytes in base64")
    return [Local(decoded(key, where)) for key in keys]


def _text(path: Path) -> str:
    if not os.path.exists(path):  # noqa: PTH110 - Path.exists raises when the name is too long
        # Whoever set the key itself must not find it in a log.
        raise KeyStoreError(
            "INTERLOCK_MASTER_KEY_FILE names no file that is there (what it says is not shown, for"
            " it may be the key itself, which belongs into INTERLOCK_MASTER_KEY)"
        )
    try:
        return path.read_text("ascii", "replace")
    except OSError as error:
        raise KeyStoreError(f"the master key {path} cannot be read: {error.strerror}") from error


def _service(name: str) -> Master:
    module, _, function = name.partition(":")
    # As for a project's own functions: what lies where the command is run can be named.
    if "" not in sys.path:
        sys.path.append("")
    try:
        service = getattr(importlib.import_module(module), function)()
    except Exception as error:  # it is somebody else's code, run for the first time
        raise KeyStoreError(f"INTERLOCK_KEY_SERVICE={name} cannot be used: {error}") from error
    return _checked(service, name)


def _checked(service: Any, name: str) -> Master:
    lacking = [part for part in ("id", "wrap", "unwrap") if not hasattr(service, part)]
    if lacking:
        raise KeyStoreError(f"INTERLOCK_KEY_SERVICE={name} has no {', '.join(lacking)}")
    return cast(Master, service)
