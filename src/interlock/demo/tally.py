"""The tally: what the ward got for its questions, as far as the list has been read."""

from __future__ import annotations

from collections import Counter, deque
from pathlib import Path

from interlock.demo.asked import Reader

_RECENT = 600  # answers that shares are shown of


class Tally:
    """Counts what is on the list in `file`."""

    def __init__(self, file: Path) -> None:
        self._reader = Reader(file)
        self._recent: deque[str] = deque(maxlen=_RECENT)
        self.versions: dict[str, str] = {}
        """The version by the id of every answer."""
        self.failures: list[str] = []

    def look(self) -> None:
        """Read what is new."""
        for asked in self._reader.new():
            if asked.failure:
                self.failures.append(asked.failure)
            else:
                self.versions[asked.id] = asked.version
                self._recent.append(asked.version)

    def shares(self) -> dict[str, float]:
        """Share of the last few hundred answers by version."""
        counts = Counter(self._recent)
        return {version: number / len(self._recent) for version, number in sorted(counts.items())}

    def sentence(self) -> str:
        """How many requests were answered, and how many failed."""
        failed = f"{len(self.failures):,}" if self.failures else "none"
        return f"{len(self.versions):,} requests of the ward answered, {failed} failed"
