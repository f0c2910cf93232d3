"""An erasure that has begun and is not finished: what the next run has to know to finish it."""

from __future__ import annotations

import time
from pathlib import Path

import msgspec

from interlock import private
from interlock.errors import JournalError


class Intent(msgspec.Struct, kw_only=True):
    """Whom to erase (by hash), and what of it may have left the spool unseen since then."""

    subject: str
    begun: float = msgspec.field(default_factory=time.time)
    reason: str = ""
    predictions: set[str] = msgspec.field(default_factory=set)
    keys: set[bytes] = msgspec.field(default_factory=set)
    labels: set[str] = msgspec.field(default_factory=set)

    def keep(self, home: Path) -> None:
        """Write it to the disk, for its owner only.

        Raises
        ------
        JournalError
            When it cannot be written.
        """
        path = _path(home, self.subject)
        try:
            private.write(path, msgspec.json.encode(self))
        except OSError as error:
            raise JournalError(f"{path} cannot be written: {error.strerror}") from error

    def drop(self, home: Path) -> None:
        """All is done, and on record."""
        _path(home, self.subject).unlink(missing_ok=True)


def begun(home: Path, subject: str, reason: str) -> Intent:
    """What an earlier run has left to do about `subject`, or a new beginning.

    Raises
    ------
    JournalError
        When what an earlier run has left cannot be read.
    """
    path = _path(home, subject)
    try:
        found = msgspec.json.decode(path.read_bytes(), type=Intent)
    except FileNotFoundError:
        return Intent(subject=subject, reason=reason)
    except (OSError, msgspec.DecodeError) as error:
        raise JournalError(f"{path} cannot be read: {error}") from error
    found.reason = reason or found.reason
    return found


def _path(home: Path, subject: str) -> Path:
    return home / "erasures" / f"{subject}.json"
