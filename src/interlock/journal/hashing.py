"""Keyed hashes: what stands in the record for routing keys, subjects and sensitive values.

Who has the record but not the key cannot find out whom it is about, not even by trying every name.
"""

from __future__ import annotations

import base64
import binascii
import os
import secrets
import uuid
from hashlib import blake2b
from pathlib import Path
from typing import Literal, TypeAlias

from interlock import private
from interlock.errors import KeyStoreError
from interlock.settings import Settings

Purpose: TypeAlias = Literal["key", "subject", "field", "head", "check"]
"""What is hashed. The same text hashed for two purposes gives two hashes that tell nothing."""

SIZE = 32
"""Bytes of a hash key, and of a master key."""


class Hasher:
    """Hashes with the key that `settings` name; it is made when there is none yet.

    Raises
    ------
    KeyStoreError
        When the key is not 32 bytes in base64, or its file cannot be read or made.
    """

    def __init__(self, settings: Settings) -> None:
        if settings.hash_key is not None:
            key = decoded(settings.hash_key, "INTERLOCK_HASH_KEY")
        else:
            key = _from_file(settings.home / "keys" / "hash.key")
        self._blank = {
            purpose: blake2b(digest_size=16, key=key, person=purpose.encode())
            for purpose in ("key", "subject", "field", "head", "check")
        }

    def hash(self, text: str, purpose: Purpose) -> bytes:
        """16 bytes for `text`: the same wherever the key is the same."""
        return self.digest(text.encode("utf-8", "surrogatepass"), purpose)

    def digest(self, data: bytes, purpose: Purpose) -> bytes:
        """16 bytes for `data`."""
        state = self._blank[purpose].copy()
        state.update(data)
        return state.digest()

    @property
    def check(self) -> int:
        """A number of 63 bits that tells this key from others, and tells nothing of it."""
        return int.from_bytes(self.digest(b"interlock", "check")[:8], "big") >> 1


def other_key(where: str) -> KeyStoreError:
    """What to say when `where` belongs to another hash key than the one in force."""
    return KeyStoreError(
        f"{where} belongs to another hash key: nobody on record can be found by this one. Set"
        " INTERLOCK_HASH_KEY, or put keys/hash.key under INTERLOCK_HOME, as it was."
    )


def decoded(text: str, where: str) -> bytes:
    """The 32 bytes that `text` says in base64; KeyStoreError, without the text, when it does not.

    >>> len(decoded(encoded(bytes(32)), "INTERLOCK_HASH_KEY"))
    32
    """
    try:
        key = base64.b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != SIZE:
        raise KeyStoreError(f"{where} holds no key: expected {SIZE} bytes in base64")
    return key


def encoded(key: bytes) -> str:
    """`key` as it is written in files and variables."""
    return base64.b64encode(key).decode()


def write(path: Path, key: bytes) -> bool:
    """Write `key` to the new file `path`, for its owner only; False when it is there already.

    The file is never there with only a part of the key in it, whoever looks when.
    """
    draft = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}")
    try:
        private.folder(path.parent)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(encoded(key) + "\n")
            file.flush()
            os.fsync(file.fileno())
        return _linked(draft, path)
    except OSError as error:
        raise KeyStoreError(f"the key {path} cannot be written: {error.strerror}") from error
    finally:
        draft.unlink(missing_ok=True)


def _linked(draft: Path, path: Path) -> bool:
    try:
        path.hardlink_to(draft)
    except FileExistsError:
        return False
    return True


def _from_file(path: Path) -> bytes:
    if not path.exists():
        write(path, secrets.token_bytes(SIZE))
    try:
        return decoded(path.read_text("ascii", "replace"), str(path))
    except OSError as error:
        raise KeyStoreError(f"the key {path} cannot be read: {error.strerror}") from error
