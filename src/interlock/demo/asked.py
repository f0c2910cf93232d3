"""What was asked: the list that the ward keeps, from which the cardiologist works."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec


class Asked(msgspec.Struct, frozen=True, array_like=True):
    """One heartbeat that was asked about at `moment` (seconds since 1970).

    `row` is its place among the rows that are replayed. Answered: the prediction's `id` and the
    `version` that gave it. Else `failure` says what came instead.
    """

    row: int
    moment: float
    id: str = ""
    version: str = ""
    failure: str = ""


class Writer:
    """Adds to the list in `file`, a line each, whole or not at all to whoever reads it."""

    def __init__(self, file: Path) -> None:
        self._file = file.open("ab", buffering=0)

    def add(self, asked: Asked) -> None:
        self._file.write(msgspec.json.encode(asked) + b"\n")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()


class Reader:
    """Reads the list in `file` from where it was last read to."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._place = 0

    def new(self) -> Iterator[Asked]:
        """What has been added since; nothing where there is no list yet."""
        if not self._file.exists():
            return
        with self._file.open("rb") as file:
            file.seek(self._place)
            for line in file:
                if not line.endswith(b"\n"):
                    return
                self._place += len(line)
                yield msgspec.json.decode(line, type=Asked)
