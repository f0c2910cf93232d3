"""Damaged places of segments: their bytes are set aside before the segment is deleted."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import structlog

from interlock.errors import SpoolError
from interlock.journal.frame import Damage
from interlock.journal.segments import Segment

_log = structlog.get_logger()


class Damages:
    """A file for every place that was met, named after segment and bytes: met twice, kept once.

    What is torn off at a segment's end is none: its writer died before anybody was answered. It is
    only counted, by an empty file.
    """

    def __init__(self, directory: Path) -> None:
        self.folder = directory / "damaged"

    def keep(self, segment: Segment, damages: Iterable[Damage]) -> None:
        """Set the bytes of these places of `segment` aside; SpoolError when they cannot be."""
        for damage in damages:
            if damage.torn:
                self._note(segment, damage)
            else:
                self._keep(segment, damage)

    def count(self) -> int:
        """How many places have been met, by any sink and any process before this one."""
        return len(list(self.folder.glob("*.bytes")))

    def torn(self) -> int:
        """How many records were found cut off."""
        return len(list(self.folder.glob("*.torn")))

    def prune(self, before: float) -> int:
        """Delete what was set aside before a moment (seconds since 1970); returns how many."""
        old = [path for path in self._files() if path.stat().st_mtime < before]
        for path in old:
            path.unlink(missing_ok=True)
        return len(old)

    def _files(self) -> list[Path]:
        return [*self.folder.glob("*.bytes"), *self.folder.glob("*.torn")]

    def _note(self, segment: Segment, damage: Damage) -> None:
        path = self.folder / f"{segment.path.stem}-{damage.start}-{damage.end}.torn"
        if path.exists():
            return
        with suppress(OSError):  # nothing is lost by it: a full disk must not stop shipping
            self.folder.mkdir(exist_ok=True)
            path.touch()
        _log.warning("a record was cut off by a crash", segment=segment.path.name, at=damage.start)

    def _keep(self, segment: Segment, damage: Damage) -> None:
        path = self.folder / f"{segment.path.stem}-{damage.start}-{damage.end}.bytes"
        if path.exists():
            return
        try:
            with segment.path.open("rb") as file:
                file.seek(damage.start)
                data = file.read(damage.end - damage.start)
            self.folder.mkdir(exist_ok=True)
            draft = path.with_suffix(".draft")
            draft.write_bytes(data)
            draft.replace(path)
        except OSError as error:
            raise SpoolError(f"damage cannot be set aside in {self.folder}: {error}") from error
        _log.error("a part of the journal is damaged", segment=segment.path.name, kept=str(path))
