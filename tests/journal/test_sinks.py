"""Every sink keeps the promises of `interlock.journal.sinks.sink`."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa

from interlock.errors import JournalError, OutdatedError
from interlock.journal.record import Row
from interlock.journal.sinks.parquet import ParquetSink
from interlock.journal.sinks.sink import Sink
from interlock.journal.sinks.sql import SqlSink
from interlock.state import database
from interlock.state.tables import FAILURES, LABELS, PREDICTIONS
from tests import databases
from tests.journal.spooled import DAY, NOON, answer, failure, label, name, payload

Table = sa.Table


class Kept:
    """A sink, made anew as after a restart, and what it holds."""

    def __init__(self, make: Callable[[], Sink], look: Callable[[], list[dict[str, Any]]]) -> None:
        self._make = make
        self.rows = look
        self.sink = make()

    def restart(self) -> None:
        """Nothing but what was kept is known."""
        self.sink.close()
        self.sink = self._make()

    def ids(self) -> list[str]:
        """Ids of all predictions."""
        return sorted(row["id"] for row in self.rows())


@pytest.fixture(params=["sqlite", "postgresql", "parquet"])
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Kept]:
    """A fresh sink of each kind."""
    if request.param == "parquet":
        folder = tmp_path / "files"
        kept = Kept(
            lambda: ParquetSink(folder, "journal"),
            lambda: [row for path in folder.rglob("*.parquet") for row in table(path)],
        )
        yield kept
        kept.sink.close()
        return
    with databases.fresh(request.param, tmp_path) as url:
        kept = Kept(lambda: SqlSink(url, "journal"), lambda: select(url, PREDICTIONS))
        yield kept
        kept.sink.close()


def table(path: Path) -> list[dict[str, Any]]:
    """Rows of one Parquet file."""
    rows: list[dict[str, Any]] = pq.read_table(path, partitioning=None).to_pylist()
    return rows


def select(url: str, of: Table) -> list[dict[str, Any]]:
    """Rows of one table."""
    engine = database.engine(url)
    with engine.connect() as connection:
        rows = [dict(row) for row in connection.execute(sa.select(of)).mappings()]
    engine.dispose()
    return rows


def test_what_is_finished_is_kept_with_its_cursor(kept: Kept) -> None:
    """After a restart the sink knows how far it had come."""
    assert kept.sink.cursors() == {}
    kept.sink.write("one", [answer(1), answer(2, rows=3)], 100)
    kept.sink.write("one", [answer(5)], 150)
    kept.sink.finish("one", 150)
    kept.restart()
    assert kept.sink.cursors() == {"one": 150}
    assert kept.ids() == [name(number) for number in range(1, 6)]


def test_what_concerns_somebody_who_was_erased_meanwhile_is_not_kept(kept: Kept) -> None:
    """Whoever erases looks for rows once: none may come after that."""

    def refuse() -> None:
        raise OutdatedError("somebody was erased meanwhile")

    kept.sink.cursors()
    if kept.sink.whole:  # nothing is kept before the end
        kept.sink.write("one", [answer(1)], 100, refuse)
        with pytest.raises(OutdatedError):
            kept.sink.finish("one", 100)
    else:
        with pytest.raises(OutdatedError):
            kept.sink.write("one", [answer(1)], 100, refuse)
    kept.restart()
    assert kept.sink.cursors() == {}
    kept.sink.write("one", [answer(2)], 100)
    kept.sink.finish("one", 100)
    assert kept.ids() == [name(2)]


def test_what_comes_again_changes_nothing(kept: Kept) -> None:
    """A shipper that died before it knew that all was kept sends it once more."""
    for _ in range(2):
        kept.restart()
        kept.sink.cursors()
        kept.sink.write("one", [answer(1), answer(2), answer(2)][: 2 if kept.sink.whole else 3], 9)
        kept.sink.finish("one", 9)
    assert kept.ids() == [name(1), name(2)]


def test_cursors_of_segments_that_are_gone_go(kept: Kept) -> None:
    """The others stay."""
    kept.sink.cursors()
    for segment in ("one", "two", "three"):
        kept.sink.finish(segment, 7)
    kept.sink.forget({"one", "three"})
    kept.restart()
    assert kept.sink.cursors() == {"two": 7}


def test_the_answer_can_be_searched_for_unless_it_is_sealed(kept: Kept) -> None:
    """Label and score stand beside the payload; of a sealed one nothing does."""
    kept.sink.cursors()
    rows = [
        Row(name(1), payload()),
        Row(name(2), payload({"value": 2.5})),
        Row(name(3), payload({"values": {"week 1": 1.0}})),
        Row(name(4), payload(), seal=b"key"),
        Row(name(5), payload({"label": 3, "confidence": 1.0})),
        Row(name(6), b"\xc1 no payload"),
        Row(name(7), payload({"confidence": None, "value": "much"})),
        Row(name(8), payload({"value": 2})),
    ]
    kept.sink.write("one", [answer(0, rows=0), msgspec.structs.replace(answer(0), rows=rows)], 9)
    kept.sink.finish("one", 9)
    found = sorted(kept.rows(), key=lambda row: str(row["id"]))
    assert [(row["label"], row["score"]) for row in found] == [
        *[("normal", 0.75), (None, 2.5), (None, None), (None, None), ("3", 1.0), (None, None)],
        *[(None, None), (None, 2.0)],
    ]


def test_odd_texts_hold_nobody_up(kept: Kept) -> None:
    """A caller may put anything into a header: the record is kept, and all that follow."""
    kept.sink.cursors()
    said = [answer(1, caller="a\0b"), answer(2, caller="é" * 5000), answer(3, door="x" * 500)]
    kept.sink.write("one", said, 9)
    kept.sink.finish("one", 9)
    assert kept.ids() == [name(1), name(2), name(3)]
    assert sorted(str(row["caller"])[:3] for row in kept.rows()) == ["Non", "a\ufffdb", "ééé"]


def test_sql_takes_failures_and_labels_in_their_order(database_url: str) -> None:
    """Every field is where it belongs; labels are numbered as they came."""
    sink = SqlSink(database_url, "journal")
    sink.cursors()
    refused = failure(1, caller="me", body=b"{", seal=b"key", key=b"k" * 16)
    given = [label(2, 9, source="lab"), label(3, key=b"k" * 16, at=NOON, observed=NOON - 1)]
    sink.write("one", [refused, given, [label(2, 9)], [label(4, 8, deployment="ecg")]], 9)
    sink.close()
    (row,) = select(database_url, FAILURES)
    said = msgspec.structs.asdict(refused)
    del said["generation"]  # for the way there only
    assert {name: row[name] for name in said} == said
    found = sorted(select(database_url, LABELS), key=lambda row: int(row["arrival"]))
    assert [row["id"] for row in found] == [name(2), name(3), name(4)]
    assert (found[0]["prediction"], found[0]["source"]) == (name(9), "lab")
    assert (found[1]["key"], found[1]["at"], found[1]["observed"]) == (b"k" * 16, NOON, NOON - 1)
    assert found[2]["deployment"] == "ecg"


def test_a_cursor_moves_only_with_its_rows(database_url: str) -> None:
    """When rows are refused, the cursor stays; nothing of them is left."""
    sink = SqlSink(database_url, "journal")
    sink.cursors()
    sink.write("one", [answer(1)], 10)
    broken = [answer(2), answer(3, deployment=None)]
    with pytest.raises(JournalError, match="deployment"):
        sink.write("one", broken, 20)
    assert sink.cursors() == {"one": 10}
    assert [row["id"] for row in select(database_url, PREDICTIONS)] == [name(1)]
    sink.write("one", [answer(2)], 20)
    sink.close()
    assert len(select(database_url, PREDICTIONS)) == 2


def test_journals_of_two_servers_share_a_database(database_url: str) -> None:
    """Segments of the same name are told apart."""
    first, second = SqlSink(database_url, "first"), SqlSink(database_url, "second")
    first.cursors()
    first.write("one", [answer(1)], 10)
    assert second.cursors() == {}
    second.write("one", [answer(2)], 99)
    second.forget({"one"})
    assert first.cursors() == {"one": 10}
    first.close()
    second.close()


def test_postgresql_is_filled_by_copy(tmp_path: Path) -> None:
    """Rows go through COPY into a table of the session, and from there into ours."""
    with databases.fresh("postgresql", tmp_path) as url:
        sink = SqlSink(url, "journal")
        sink.cursors()
        sink.write("one", [answer(1)], 10)
        with sink._engine.connect() as connection:  # the connection that wrote, from the pool
            query = "SELECT relname FROM pg_class WHERE relpersistence = 't' AND relkind = 'r'"
            found = connection.exec_driver_sql(query).scalars().all()
        sink.close()
        assert found == ["interlock_predictions_incoming"]


def test_parquet_files_lie_by_day_and_pandas_reads_them(tmp_path: Path) -> None:
    """Deployment and day are in the path; inputs and answers are JSON; a sealed payload is kept."""
    import pandas as pd

    sink = ParquetSink(tmp_path / "files", "journal")
    sink.cursors()
    sealed = msgspec.structs.replace(answer(3), rows=[Row(name(3), b"?", seal=b"key")])
    said = [answer(1), answer(2, moment=NOON + DAY, deployment="a/b=c"), sealed]
    sink.write("01-0-1.segment", said, 9)
    assert list((tmp_path / "files").rglob("*.parquet")) == []  # not before it is whole
    sink.finish("01-0-1.segment", 9)
    files = sorted(str(path.relative_to(tmp_path / "files")) for path in tmp_path.rglob("*.parq*"))
    assert files == [
        "deployment=a%2Fb%3Dc/date=2025-11-22/01-0-1.parquet",
        "deployment=ecg/date=2025-11-21/01-0-1.parquet",
    ]
    frame = pd.read_parquet(tmp_path / "files").set_index("id")
    assert frame.loc[name(2), "deployment"] == "a/b=c"
    assert str(frame.loc[name(1), "moment"]) == "2025-11-21 12:00:00+00:00"
    assert json.loads(frame.loc[name(1), "inputs"])["beat"][0] == -1.0
    assert json.loads(frame.loc[name(1), "answer"]) == {"label": "normal", "confidence": 0.75}
    assert json.loads(frame.loc[name(1), "flags"]) == {"age": "clipped"}
    assert frame.loc[name(1), "payload"] is None
    assert (frame.loc[name(3), "payload"], frame.loc[name(3), "inputs"]) == (b"?", None)


def test_half_a_parquet_file_is_never_seen(tmp_path: Path) -> None:
    """What was begun when the shipper died is begun anew, and leaves nothing behind."""
    folder = tmp_path / "files"
    dead = ParquetSink(folder, "journal")
    dead.cursors()
    dead.write("one", [answer(1, rows=20_000)], 9)
    alive = ParquetSink(folder, "journal")
    assert alive.cursors() == {}
    alive.write("one", [answer(1)], 9)
    alive.finish("one", 9)
    assert [row["id"] for path in folder.rglob("*.parquet") for row in table(path)] == [name(1)]
    assert sorted(path.name for path in folder.rglob(".*")) == [".cursors-journal.json", ".lock"]


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """A file in its place, say."""
    (tmp_path / "files").write_text("")
    with pytest.raises(JournalError, match=r"Parquet files in .*files cannot be written"):
        ParquetSink(tmp_path / "files", "journal").cursors()
