"""The Parquet sink: predictions in files by day, for analysis.

A file holds what one closed segment has of one deployment and one day (UTC), and is named after
the segment: written again after a crash, it replaces itself. It has its name only once it is whole
and on the disk.
"""

from __future__ import annotations

import fcntl
import os
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from interlock import private
from interlock.errors import JournalError
from interlock.journal import payload
from interlock.journal.record import Answer, Record
from interlock.journal.sinks import rows
from interlock.journal.sinks.sink import Confirm, certain
from interlock.journal.syncing import sync
from interlock.state.tables import PREDICTIONS

SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("moment", pa.timestamp("us", tz="UTC")),
        ("version", pa.string()),
        ("arm", pa.string()),
        ("door", pa.string()),
        ("key", pa.binary()),
        ("subject", pa.binary()),
        ("latency", pa.float64()),
        ("caller", pa.string()),
        ("label", pa.string()),
        ("score", pa.float64()),
        ("inputs", pa.string()),
        ("answer", pa.string()),
        ("flags", pa.string()),
        ("payload", pa.binary()),
        ("seal", pa.binary()),
        ("primary_id", pa.string()),
    ]
)
"""Columns of every file; deployment and day are in its path. `inputs`, `answer` and `flags` are
JSON; where the payload is sealed, or no payload of ours, they are NULL and `payload` holds it."""

_json = msgspec.json.encode
_GROUP = 10_000  # rows that one row group gathers before it is written

Place = tuple[str, str]
"""Deployment and day."""


class ParquetSink:
    """Files under `directory`; the cursors of `journal` are one hidden file beside them.

    Not in the spool: that may be on a full disk, which gets room only by what is shipped.
    """

    name = "parquet"
    whole = True

    def __init__(self, directory: Path, journal: str) -> None:
        self._directory = directory
        self._cursors = directory / f".cursors-{journal}.json"
        self._kept: dict[str, int] = {}
        self._open: dict[Place, _File] = {}
        self._confirm: Confirm = certain

    def cursors(self) -> dict[str, int]:
        self._drop()
        with _translated(self._directory):
            private.folder(self._directory)
            text = self._cursors.read_bytes() if self._cursors.exists() else b"{}"
            self._kept = msgspec.json.decode(text, type=dict[str, int])
        return dict(self._kept)

    def write(
        self, segment: str, records: Sequence[Record], end: int, confirm: Confirm = certain
    ) -> None:
        if not self._open:
            self._confirm = confirm  # the first is the oldest: it has to hold for all
        with _translated(self._directory):
            for place, lines in _placed(records).items():
                if place not in self._open:
                    self._open[place] = _File(self._path(place, segment))
                self._open[place].add(lines)

    def finish(self, segment: str, end: int) -> None:
        with _translated(self._directory), locked(self._directory, shared=True):
            if self._open:
                self._confirm()
            while self._open:
                _, file = self._open.popitem()
                file.finish()
            self._keep({**self._kept, segment: end})

    def forget(self, segments: Collection[str]) -> None:
        with _translated(self._directory):
            self._keep({name: end for name, end in self._kept.items() if name not in segments})

    def close(self) -> None:
        self._drop()

    def _path(self, place: Place, segment: str) -> Path:
        deployment, day = place
        folder = self._directory / f"deployment={quote(deployment, safe='')}" / f"date={day}"
        return folder / f"{Path(segment).stem}.parquet"

    def _drop(self) -> None:
        while self._open:
            self._open.popitem()[1].drop()

    def _keep(self, kept: dict[str, int]) -> None:
        draft = self._cursors.with_suffix(".draft")
        draft.write_bytes(msgspec.json.encode(kept))
        settle(draft, self._cursors)
        self._kept = kept


class _File:
    """One Parquet file that is being written under another name."""

    def __init__(self, path: Path) -> None:
        private.folder(path.parent)
        self._path = path
        self._draft = path.with_name(f".{path.name}.draft")
        private.file(self._draft)
        self._writer = pq.ParquetWriter(self._draft, SCHEMA, compression="zstd")
        self._lines: list[dict[str, Any]] = []

    def add(self, lines: list[dict[str, Any]]) -> None:
        self._lines += lines
        if len(self._lines) >= _GROUP:
            self._flush()

    def finish(self) -> None:
        """Everything on the disk, then the name."""
        self._flush()
        self._writer.close()
        settle(self._draft, self._path)

    def drop(self) -> None:
        """Leave nothing behind."""
        self._lines.clear()
        self._writer.close()
        self._draft.unlink(missing_ok=True)

    def _flush(self) -> None:
        if self._lines:
            self._writer.write_table(pa.Table.from_pylist(self._lines, SCHEMA))
            self._lines = []


def _placed(records: Sequence[Record]) -> dict[Place, list[dict[str, Any]]]:
    """Lines of all answers in `records`, by where they belong."""
    placed: dict[Place, list[dict[str, Any]]] = defaultdict(list)
    for record in records:
        if isinstance(record, Answer):
            moment = datetime.fromtimestamp(record.moment / 1e6, UTC)
            lines = (_line(cells) for cells in rows.rows([record]).predictions)
            placed[record.deployment, moment.date().isoformat()] += lines
    return placed


def _line(cells: rows.Cells) -> dict[str, Any]:
    line = dict(zip(rows.COLUMNS[PREDICTIONS], cells, strict=True))
    if line["seal"] is None and (said := legible(line["payload"])):
        line |= {**said, "payload": None}
    return line


def legible(data: bytes) -> dict[str, str]:
    """Inputs, answer and flags of a payload, each as JSON; nothing when it is none of ours."""
    try:
        read = payload.read(data)
    except msgspec.DecodeError:
        return {}
    said = {"inputs": read.inputs, "answer": read.answer, "flags": read.flags}
    return {name: _json(value, enc_hook=np.ndarray.tolist).decode() for name, value in said.items()}


def settle(draft: Path, path: Path) -> None:
    """Give `draft` its name once its bytes are on the disk, and have the name there, too."""
    sync(draft)
    draft.replace(path)
    sync(path.parent)


@contextmanager
def locked(directory: Path, *, shared: bool = False) -> Iterator[None]:
    """Keep rows from coming under `directory`, or come with others, while it is open."""
    file = os.open(directory / ".lock", os.O_RDONLY | os.O_CREAT, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
        yield
    finally:
        os.close(file)


@contextmanager
def _translated(directory: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, pa.ArrowException, msgspec.DecodeError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        raise JournalError(f"Parquet files in {directory} cannot be written: {reason}") from error
