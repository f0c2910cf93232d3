"""A clock that tests set, for processes that they start."""

from __future__ import annotations

from pathlib import Path

import pytest


class Clock:
    """Shifts the time of day, not the time that has passed; skips where libfaketime is missing."""

    def __init__(self, file: Path) -> None:
        self.file = file
        libraries = list(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
        if not libraries:
            pytest.skip("libfaketime is not installed: apt-get install libfaketime")
        self.environment = {
            "LD_PRELOAD": str(libraries[0]),
            "FAKETIME_TIMESTAMP_FILE": str(file),
            "FAKETIME_NO_CACHE": "1",
            "DONT_FAKE_MONOTONIC": "1",
        }
        self.shift(0)

    def shift(self, hours: int) -> None:
        """Set the clock to so many hours from the true time, for processes that run already too."""
        self.file.write_text(f"{hours:+d}h")
