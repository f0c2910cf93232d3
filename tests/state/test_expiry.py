from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from interlock.journal.record import Record
from interlock.journal.sinks.sql import SqlSink
from interlock.state import database, expiry
from tests.journal.spooled import DAY, NOON, answer, failure, label, name


@pytest.fixture
def sink(database_url: str) -> Iterator[SqlSink]:
    """A database to write to."""
    sink = SqlSink(database_url, "journal")
    sink.cursors()
    yield sink
    sink.close()


@pytest.fixture
def engine(sink: SqlSink, database_url: str) -> Iterator[sa.Engine]:
    """The same database, to look into."""
    engine = database.engine(database_url)
    yield engine
    engine.dispose()


def ids(engine: sa.Engine, table: str) -> list[str]:
    """Ids of what is left in a table."""
    with engine.connect() as connection:
        query = sa.text(f"SELECT id FROM interlock_{table} ORDER BY id")
        return list(connection.execute(query).scalars())


def test_what_is_older_goes_from_every_table(sink: SqlSink, engine: sa.Engine) -> None:
    """Predictions and failures by their own time, labels by when they came."""
    old, new = NOON - 1, NOON
    said: list[Record] = [answer(1, moment=old), answer(2, moment=new)]
    said += [failure(3, moment=old), failure(4, moment=new)]
    said += [[label(5, 2, received=old), label(6, 1, received=new)]]
    sink.write("s", said, 1)
    deleted = expiry.delete_before(engine, NOON)
    assert deleted == {"predictions": 1, "failures": 1, "labels": 1}
    assert [ids(engine, table) for table in deleted] == [[name(2)], [name(4)], [name(6)]]
    assert set(expiry.delete_before(engine, NOON).values()) == {0}


def test_many_rows_go_a_few_at_a_time(
    sink: SqlSink, engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """None is left over between two transactions."""
    monkeypatch.setattr(expiry, "_SOME", 10)
    sink.write("s", [answer(0, rows=35, moment=NOON - 1), answer(50, rows=5)], 1)
    assert expiry.delete_before(engine, NOON)["predictions"] == 35
    assert ids(engine, "predictions") == [name(number) for number in range(50, 55)]


def test_days_say_what_they_take(sink: SqlSink, engine: sa.Engine) -> None:
    """The newest first, each with its rows; days without any are not listed."""
    sink.write("s", [answer(0, rows=3), answer(10, rows=7, moment=NOON - 2 * DAY)], 1)
    midnight = NOON - DAY // 2
    days = expiry.days(engine)
    assert [(day.start, day.rows) for day in days] == [(midnight, 3), (midnight - 2 * DAY, 7)]
    assert days[0].size * 7 == days[1].size * 3 > 3 * 560


def test_the_size_is_what_the_database_takes(sink: SqlSink, engine: sa.Engine) -> None:
    """It grows with what is written."""
    before = expiry.size(engine)
    sink.write("s", [answer(0, rows=3000)], 1)
    assert expiry.size(engine) > before + 3000 * 560


def test_sqlite_gives_space_back(tmp_path: Path) -> None:
    """Deleting makes the file smaller, for whoever is short of it."""
    sink = SqlSink(f"sqlite:///{tmp_path / 'x.db'}", "journal")
    sink.cursors()
    sink.write("s", [answer(0, rows=5000, moment=NOON - 1)], 1)
    sink.close()
    before = (tmp_path / "x.db").stat().st_size
    engine = database.engine(f"sqlite:///{tmp_path / 'x.db'}")
    expiry.delete_before(engine, NOON)
    engine.dispose()
    assert before > 5000 * 560
    assert (tmp_path / "x.db").stat().st_size < before / 10
