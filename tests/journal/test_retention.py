from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from interlock.errors import JournalError
from interlock.journal import retention, segments
from interlock.journal.damage import Damages
from interlock.journal.retention import Pruned
from interlock.journal.sinks.parquet import ParquetSink
from interlock.journal.sinks.sql import SqlSink
from interlock.settings import Settings
from interlock.state import database
from tests.journal.spooled import DAY, answer, kept, name, write

NOW = time.time_ns() // 1000


class Filled:
    """A database and Parquet files with a hundred rows on each of the last five days."""

    def __init__(self, folder: Path, url: str) -> None:
        self._said: dict[str, Any] = {
            "home": folder,
            "database": url,
            "journal_parquet": folder / "parquet",
        }
        said = [answer(day * 100, rows=100, moment=NOW - day * DAY) for day in range(5)]
        for sink in (SqlSink(url, "journal"), ParquetSink(folder / "parquet", "journal")):
            sink.cursors()
            sink.write("01-0-1.segment", said, 9)
            sink.finish("01-0-1.segment", 9)
            sink.close()
        self.engine = database.engine(url)
        self.settings = self.keeping()

    def keeping(self, **more: Any) -> Settings:
        """Settings that say how much is kept."""
        return Settings(**self._said, **more)

    def prune(self, **more: Any) -> dict[str, Pruned]:
        """What was deleted from each place."""
        pruned = retention.prune(self.keeping(**more), self.engine)
        return {one.place: one for one in pruned}

    def rows(self) -> int:
        """Predictions in the database, which are always the newest."""
        found = kept(self.settings)
        assert found == [name(number) for number in range(len(found))]
        return len(found)

    def days(self) -> list[str]:
        """Days that have Parquet files."""
        folder = self.settings.journal_parquet
        assert folder is not None
        return sorted(path.parent.name.removeprefix("date=") for path in folder.rglob("*.parquet"))


@pytest.fixture
def filled(tmp_path: Path, database_url: str) -> Iterator[Filled]:
    """Both sinks, filled."""
    filled = Filled(tmp_path, database_url)
    yield filled
    filled.engine.dispose()


def date(ago: int) -> str:
    """The day so many days before today."""
    return datetime.fromtimestamp((NOW - ago * DAY) / 1e6, UTC).date().isoformat()


def test_nothing_is_deleted_unless_somebody_says_so(filled: Filled) -> None:
    """Kept for ever is the default."""
    assert {one.before for one in filled.prune().values()} == {None}
    assert (filled.rows(), len(filled.days())) == (500, 5)


def test_what_is_too_old_goes(filled: Filled) -> None:
    """To the moment in SQL, by whole days in Parquet; the same again deletes no more."""
    pruned = filled.prune(journal_keep=2.5 * 86_400)
    assert pruned["sql"].deleted["predictions"] == 200
    assert filled.rows() == 300
    assert filled.days()[0] in (date(3), date(2))  # a day stays until all of it is too old
    assert set(filled.days()) >= {date(2), date(1), date(0)}
    assert filled.prune(journal_keep=2.5 * 86_400)["sql"].deleted["predictions"] == 0


def test_the_oldest_days_go_when_it_is_too_large(filled: Filled) -> None:
    """As many as must; what is within the limit is left alone."""
    filled.prune(journal_keep_size=2**40)
    assert (filled.rows(), len(filled.days())) == (500, 5)
    filled.prune(journal_keep_size=250 * (560 + 500))
    assert filled.rows() == 200
    assert len(filled.days()) == 5  # Parquet files are small
    filled.prune(journal_keep_size=1)
    assert filled.rows() == 100
    assert filled.days() == [date(0)]


def test_what_was_set_aside_goes_with_the_rest(filled: Filled) -> None:
    """Damaged pieces hold what was recorded, and are not kept longer than that."""
    folder = filled.settings.spool() / "damaged"
    folder.mkdir(parents=True)
    (folder / "x.bytes").write_bytes(b"?")
    assert filled.prune(journal_keep=1000.0)["damaged"].deleted == {"files": 0}
    time.sleep(0.01)
    assert filled.prune(journal_keep=0.001)["damaged"].deleted == {"files": 1}
    assert Damages(filled.settings.spool()).count() == 0


def test_what_has_not_been_shipped_stays(filled: Filled) -> None:
    """The spool was promised to reach the sinks."""
    path = write(filled.settings.spool(), answer(1, moment=NOW - 100 * DAY))
    filled.prune(journal_keep=0.001)
    assert [segment.path for segment in segments.listed(filled.settings.spool())] == [path]


def test_a_folder_that_cannot_be_looked_through_is_named(
    filled: Filled, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that is a directory, say."""
    folder = filled.settings.journal_parquet
    assert folder is not None
    (folder / "deployment=x" / "date=2020-01-01" / "y.parquet").mkdir(parents=True)
    with pytest.raises(JournalError, match=r"Parquet files in .*parquet cannot be deleted"):
        filled.prune(journal_keep=1000.0)


def test_foreign_folders_are_left_alone(filled: Filled) -> None:
    """Only what the sink wrote is deleted."""
    folder = filled.settings.journal_parquet
    assert folder is not None
    (folder / "deployment=ecg" / "date=someday").mkdir()
    (folder / "deployment=ecg" / "date=someday" / "mine.parquet").write_text("")
    filled.prune(journal_keep=0.001)
    assert (folder / "deployment=ecg" / "date=someday" / "mine.parquet").exists()
