"""Settings with keys in them, and a look through all files for what must not be there."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from interlock.journal.hashing import encoded
from interlock.settings import Secret, Settings


def master_key() -> Secret:
    """A new master key, as it is written in the environment."""
    return Secret(encoded(secrets.token_bytes(32)))


def sealing(home: Path, **more: Any) -> Settings:
    """Settings under which payloads are encrypted."""
    return Settings(home=home, **({"master_key": master_key(), "actor": "ann"} | more))


def holding(folder: Path, *texts: bytes) -> Iterator[str]:
    """Every file under `folder` in which one of `texts` stands."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            data = path.read_bytes()
            yield from (f"{path.name}: {text!r}" for text in texts if text in data)
