"""Taking one subject's rows out of Parquet files that are there already."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from interlock import private
from interlock.errors import JournalError
from interlock.journal.sinks.parquet import locked, settle


def erase(directory: Path, subject: bytes) -> tuple[int, int]:
    """Write every file under `directory` anew that has rows about `subject`.

    Returns how many rows went, and how many of them were not sealed.

    Raises
    ------
    JournalError
        Names the first file that cannot be read or written.
    """
    gone, clear = 0, 0
    try:
        with locked(directory):
            for path in sorted(directory.rglob("*.parquet")):
                rows, readable = _erased(path, subject)
                gone, clear = gone + rows, clear + readable
    except OSError as error:
        raise JournalError(f"{directory} cannot be locked: {error}") from error
    return gone, clear


def _erased(path: Path, subject: bytes) -> tuple[int, int]:
    try:
        return _erase(path, subject)
    except FileNotFoundError:
        return 0, 0  # too old, and pruned in between
    except (OSError, pa.ArrowException) as error:
        raise JournalError(f"{path} cannot be rewritten: {error}") from error


def _erase(path: Path, subject: bytes) -> tuple[int, int]:
    seen = pq.read_table(path, columns=["subject", "seal"], partitioning=None)
    ours = pc.fill_null(pc.equal(seen["subject"], subject), fill_value=False)
    rows = pc.sum(ours).as_py() or 0
    if rows:
        clear = pc.sum(pc.and_(ours, pc.is_null(seen["seal"]))).as_py() or 0
        _replace(path, subject)
        return rows, clear
    return 0, 0


def _replace(path: Path, subject: bytes) -> None:
    table = pq.read_table(path, partitioning=None)
    other = pc.fill_null(pc.not_equal(table["subject"], subject), fill_value=True)
    kept = table.filter(other)
    if not kept.num_rows:
        path.unlink()
        return
    draft = path.with_name(f".{path.name}.rewritten")
    try:
        private.file(draft)
        pq.write_table(kept, draft, compression="zstd")
        settle(draft, path)
    finally:
        draft.unlink(missing_ok=True)
