"""How far each chain went when it was last seen: what a chain cannot say of itself."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import msgspec

from interlock import private
from interlock.errors import KeyStoreError
from interlock.journal.hashing import Hasher

Head = tuple[int, str]
"""Number of lines of a chain, and the hash of the last."""


class _Sealed(msgspec.Struct, frozen=True):
    heads: dict[str, Head]
    seal: str


class Heads:
    """Heads of chains in the file `path`, sealed by `hasher`'s key.

    Raises
    ------
    KeyStoreError
        When the file was changed without the key, or cannot be read or written.
    """

    def __init__(self, path: Path, hasher: Hasher) -> None:
        self._path = path
        self._hasher = hasher

    def read(self) -> dict[str, Head]:
        """The heads by the name of their chain; none when nobody has kept any."""
        try:
            text = self._path.read_bytes()
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise self._unusable(error.strerror or str(error)) from error
        try:
            found = msgspec.json.decode(text, type=_Sealed)
        except msgspec.DecodeError as error:
            raise self._unusable(str(error)) from None
        if self._seal(found.heads) != found.seal:
            raise self._unusable(
                "it was changed after it was written, or written with another hash key"
            )
        return found.heads

    def advance(self, heads: Mapping[str, Head], *, begin: bool = True) -> None:
        """Keep `heads`; one that is known to go further stays.

        Without `begin` none is kept of a chain that has lines, and of which no head is known: its
        head was taken away, or this machine has never seen it. Both are for `verify` to tell.
        """
        with self._locked():
            known = self.read()
            for name, head in heads.items():
                if not begin and name not in known and head[0] > 1:
                    continue
                known[name] = max(known.get(name, (0, "")), head, key=lambda one: one[0])
            private.write(self._path, msgspec.json.encode(_Sealed(known, self._seal(known))))

    def _seal(self, heads: Mapping[str, Head]) -> str:
        return self._hasher.digest(msgspec.json.encode(heads, order="sorted"), "head").hex()

    @contextmanager
    def _locked(self) -> Iterator[None]:
        try:
            private.folder(self._path.parent)
            with self._path.with_suffix(".lock").open("w") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                yield
        except OSError as error:
            raise self._unusable(error.strerror or str(error)) from error

    def _unusable(self, reason: str) -> KeyStoreError:
        return KeyStoreError(f"the heads of chains in {self._path} cannot be used: {reason}")
