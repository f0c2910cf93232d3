"""How long records are kept: by age and by size, each sink for itself, whole days at a time."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import sqlalchemy as sa

from interlock.errors import JournalError
from interlock.journal.damage import Damages
from interlock.settings import Settings
from interlock.state import expiry

_DAY = 86_400.0
_DATE = "20[0-9][0-9]-[01][0-9]-[0-3][0-9]"


class Pruned(msgspec.Struct, frozen=True):
    """What went from one place: everything from before `before` (seconds since 1970)."""

    place: str
    before: float | None
    deleted: dict[str, int]


def prune(settings: Settings, engine: sa.Engine) -> list[Pruned]:
    """Delete from all sinks what `journal_keep` and `journal_keep_size` no longer allow.

    The newest day stays, however large it is. The spool is not touched: what is in it is on its
    way, and was promised to be kept.

    Raises
    ------
    JournalError
        When a sink cannot be reached or refuses.
    """
    pruned = [_database(settings, engine)]
    if settings.journal_parquet is not None:
        pruned.append(_parquet(settings, settings.journal_parquet))
    if (oldest := _oldest(settings)) is not None:
        count = Damages(settings.spool()).prune(oldest)
        pruned.append(Pruned("damaged", oldest, {"files": count}))
    return pruned


def _oldest(settings: Settings) -> float | None:
    """The moment before which everything is too old."""
    return None if settings.journal_keep is None else time.time() - settings.journal_keep


def _database(settings: Settings, engine: sa.Engine) -> Pruned:
    cuts = [_oldest(settings), _cut_of_database(settings.journal_keep_size, engine)]
    before = max((cut for cut in cuts if cut is not None), default=None)
    if before is None:
        return Pruned("sql", None, {})
    return Pruned("sql", before, expiry.delete_before(engine, round(before * 1e6)))


def _cut_of_database(limit: int | None, engine: sa.Engine) -> float | None:
    if limit is None or expiry.size(engine) <= limit:  # cheap; the days take a look at every row
        return None
    return _cut([(day.start / 1e6, day.size) for day in expiry.days(engine)], limit)


def _cut(days: list[tuple[float, int]], limit: int) -> float | None:
    """From when on days can be kept within `limit` bytes; None when all can.

    `days` are their starts and sizes, the newest first.

    >>> _cut([(300.0, 50), (200.0, 40), (100.0, 30)], 100)
    200.0
    >>> _cut([(300.0, 500), (200.0, 40)], 100)
    300.0
    """
    total = 0
    kept = [start for start, size in days if (total := total + size) <= limit]
    return None if len(kept) == len(days) else min(kept, default=days[0][0])


def _parquet(settings: Settings, directory: Path) -> Pruned:
    files: dict[float, list[Path]] = {}
    try:
        for path in directory.glob(f"deployment=*/date={_DATE}/*.parquet"):
            files.setdefault(_start(path), []).append(path)
        before = _cut_of_files(settings, files)
        old = [path for start, paths in files.items() if start < before for path in paths]
        for path in old:
            path.unlink(missing_ok=True)
            _remove_empty(path.parent)
    except OSError as error:
        raise JournalError(f"Parquet files in {directory} cannot be deleted: {error}") from error
    return Pruned("parquet", before or None, {"files": len(old)})


def _cut_of_files(settings: Settings, files: dict[float, list[Path]]) -> float:
    """The first day that stays; a day goes when all of it is too old."""
    oldest, limit, cut = _oldest(settings), settings.journal_keep_size, None
    if limit is not None:
        sizes = [
            (start, sum(path.stat().st_size for path in files[start]))
            for start in sorted(files, reverse=True)
        ]
        cut = _cut(sizes, limit)
    return max(0.0 if oldest is None else oldest - _DAY, cut or 0.0)


def _start(path: Path) -> float:
    day = path.parent.name.removeprefix("date=")
    return datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp()


def _remove_empty(folder: Path) -> None:
    if not any(folder.iterdir()):
        folder.rmdir()
