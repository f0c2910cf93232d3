from __future__ import annotations

import os
import random
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import sqlalchemy as sa
from structlog.testing import capture_logs

from interlock.errors import BusyError
from interlock.journal import lane, segments, shipper, status
from interlock.journal.record import frame
from interlock.journal.status import SinkStatus, Status
from interlock.settings import Settings
from interlock.state import database, schema
from tests import databases
from tests.journal.spooled import Pen, answer, failure, kept, label, name, shipping, until, write


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A journal of its own, shipped to SQLite."""
    return Settings(home=tmp_path, drain=3.0)


def seen(settings: Settings) -> Status:
    """What the shipper said last."""
    found = status.read(settings.spool())
    assert found is not None
    return found


def sink(settings: Settings, name: str = "sql") -> SinkStatus:
    """What it said last of one sink."""
    (found,) = [one for one in seen(settings).sinks if one.name == name]
    return found


def left(settings: Settings) -> list[str]:
    """Names of the segments in the spool."""
    return [segment.path.name for segment in segments.listed(settings.spool())]


def ids(*numbers: int) -> list[str]:
    """Ids of predictions, in order."""
    return [name(number) for number in sorted(numbers)]


def test_what_is_shipped_leaves_the_spool_once_its_segment_is_closed(settings: Settings) -> None:
    """Records are in SQL while their segment is still written to; then it goes, and its cursor."""
    pen = Pen(settings.spool())
    pen.write(answer(1), failure(2))
    with shipping(settings):
        until(lambda: kept(settings) == ids(1))
        pen.write(answer(3), [label(4, 1)])
        until(lambda: kept(settings) == ids(1, 3))
        assert left(settings) == [pen.segment.path.name]
        pen.close()
        until(lambda: left(settings) == [])
        until(lambda: cursors(settings) == [])
    assert sink(settings) == SinkStatus(name="sql", shipped=4)
    assert seen(settings).spool_bytes == 0


def test_a_shipper_that_has_ended_is_not_taken_for_one_at_work(settings: Settings) -> None:
    """It says so itself: nobody has to wait until it was not heard of for long."""
    with shipping(settings):
        until(lambda: status.read(settings.spool()) is not None)
        assert seen(settings).fresh
    assert not seen(settings).fresh


def test_a_record_without_a_label_in_it_holds_nobody_up(settings: Settings) -> None:
    """Nothing of ours writes one; it is sound, and it says nothing."""
    write(settings.spool(), [], answer(1), [])
    with capture_logs() as logs, shipping(settings):
        until(lambda: left(settings) == [])
    assert kept(settings) == ids(1)
    assert logs == []


def test_tables_that_become_those_of_a_newer_release_are_left_alone(settings: Settings) -> None:
    """Somebody migrates while this server runs: its records wait until it is replaced."""
    pen = Pen(settings.spool())
    pen.write(answer(1))
    with shipping(settings):
        until(lambda: kept(settings) == ids(1))
        revision = stamp(settings, "9999")
        pen.write(answer(2))
        until(lambda: status.read(settings.spool()) is not None and not sink(settings).up)
        assert "a newer release made" in sink(settings).reason
        stamp(settings, revision)
        assert kept(settings) == ids(1)
        until(lambda: kept(settings) == ids(1, 2))
        pen.close()


def stamp(settings: Settings, revision: str) -> str:
    """Have the tables be of another revision; returns which they were of."""
    engine = database.connect(settings)
    with engine.begin() as connection:
        found = str(connection.scalar(sa.text(f"SELECT version_num FROM {schema.VERSIONS}")))
        update = sa.text(f"UPDATE {schema.VERSIONS} SET version_num = :revision")
        connection.execute(update, {"revision": revision})
    engine.dispose()
    return found


def cursors(settings: Settings) -> list[tuple[str, int]]:
    """Segments that SQL has a cursor for, and where it is."""
    engine = database.connect(settings)
    with engine.connect() as connection:
        query = sa.text("SELECT segment, position FROM interlock_cursors")
        found = [(row.segment, row.position) for row in connection.execute(query)]
    engine.dispose()
    return found


def test_whoever_is_told_to_stop_ships_what_is_there_first(settings: Settings) -> None:
    """Segments of several workers, closed and with a backlog: nothing is left for later."""
    for number in range(0, 3000, 100):
        write(settings.spool(), *map(answer, range(number, number + 100)), slot=number // 100 % 3)
    with shipping(settings):
        pass
    assert kept(settings) == ids(*range(3000))
    assert left(settings) == []


def test_the_last_worker_to_end_is_waited_for(settings: Settings) -> None:
    """While somebody still writes, there is something to ship."""
    pen = Pen(settings.spool())
    with shipping(settings) as at_work:
        at_work.stop()
        time.sleep(0.5)
        pen.write(answer(1))
        pen.close()
    assert kept(settings) == ids(1)
    assert left(settings) == []


def test_the_next_shipper_goes_on_where_the_last_one_was(settings: Settings) -> None:
    """Its cursor is with the records: what was shipped before is not even read again."""
    pen = Pen(settings.spool())
    pen.write(answer(1))
    with shipping(Settings(home=settings.home, drain=0.3)):
        until(lambda: kept(settings) == ids(1))
    ((_, before),) = cursors(settings)
    assert before == pen.segment.path.stat().st_size
    pen.write(answer(2))
    with shipping(settings):
        until(lambda: kept(settings) == ids(1, 2))
        pen.close()
    assert seen(settings).sinks[0].shipped == 2


def run(settings: Settings, **more: str) -> subprocess.Popen[bytes]:
    """A shipper in a process of its own, as a server starts it."""
    variables = {"INTERLOCK_HOME": str(settings.home), "INTERLOCK_DRAIN": "20", **more}
    return subprocess.Popen(
        [sys.executable, "-m", "interlock.journal"],
        env={**os.environ, **variables},
        stderr=subprocess.PIPE,
    )


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_killed_at_any_moment_it_neither_loses_nor_doubles(
    settings: Settings, kind: str, tmp_path: Path
) -> None:
    """Every record is in SQL and in Parquet once, though shippers died while a worker wrote."""
    parquet = tmp_path / "parquet"
    luck = random.Random(7)
    with databases.fresh(kind, tmp_path) as url:
        settings = Settings(home=tmp_path, database=url, journal_parquet=parquet)
        named = {"INTERLOCK_DATABASE": url, "INTERLOCK_JOURNAL_PARQUET": str(parquet)}
        number, pen = 0, Pen(settings.spool())
        for _ in range(4):
            process = run(settings, **named)
            end = time.monotonic() + luck.uniform(1.0, 2.0)
            while time.monotonic() < end:
                pen.write(*(answer(number + more, rows=1) for more in range(20)))
                number += 20
                if luck.random() < 0.02:
                    pen.close()
                    pen = Pen(settings.spool())
                time.sleep(0.005)
            process.kill()
            process.communicate()
        pen.close()
        process = run(settings, **named)
        until(lambda: left(settings) == [], 60)
        process.terminate()
        assert process.communicate()[1].decode() == ""
        assert process.returncode == 0
        assert kept(settings) == ids(*range(number))
        assert sorted(pd.read_parquet(parquet)["id"]) == ids(*range(number))


def test_a_second_shipper_waits_and_then_refuses(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two would race each other; the second names what it found."""
    monkeypatch.setattr(shipper, "_PATIENCE", -2.0)
    with shipping(settings), pytest.raises(BusyError, match="another shipper is at work on"):
        shipper.Shipper(settings)
    with shipping(settings):  # the first has ended
        pass


def test_a_database_that_is_locked_is_waited_for(settings: Settings) -> None:
    """It is seen, it costs nothing but spool space, and everything is shipped afterwards."""
    engine = database.connect(settings)
    schema.ensure(engine)
    engine.dispose()
    other = sqlite3.connect(settings.home / "interlock.db", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    write(settings.spool(), answer(1))
    with shipping(settings):
        until(lambda: status.read(settings.spool()) is not None and not sink(settings).up, 30)
        said = sink(settings)
        assert "database is locked" in said.reason
        assert said.since is not None
        assert said.lag_bytes == segments.size(settings.spool()) > 0
        other.execute("ROLLBACK")
        until(lambda: kept(settings) == ids(1), 30)
        until(lambda: sink(settings).up)
    assert (sink(settings).reason, sink(settings).since) == ("", None)
    other.close()


@pytest.fixture
def postgres() -> Iterator[databases.Postgres]:
    """A server that the test stops and starts."""
    server = databases.Postgres()
    yield server
    server.remove()


def test_postgresql_may_stop_and_start(tmp_path: Path, postgres: databases.Postgres) -> None:
    """Not there at first, gone in between: records wait, none is lost, none comes twice."""
    settings = Settings(home=tmp_path, database=postgres.url, drain=3.0)
    write(settings.spool(), *map(answer, range(10)))
    with shipping(settings):
        until(lambda: status.read(settings.spool()) is not None and not sink(settings).up)
        assert "Connection refused" in sink(settings).reason
        postgres.start()
        until(lambda: left(settings) == [], 30)
        pen = Pen(settings.spool())
        pen.write(*map(answer, range(10, 20)))
        until(lambda: len(kept(settings)) == 20)
        postgres.stop()
        pen.write(*map(answer, range(20, 30)))
        until(lambda: not sink(settings).up)
        assert sink(settings).lag_bytes > 0
        postgres.start()
        pen.close()
        until(lambda: left(settings) == [], 30)
    assert kept(settings) == ids(*range(30))


def broken(settings: Settings, kind: str) -> Settings:
    """Settings whose database is wrong in one way."""
    if kind == "no such driver":
        return Settings(home=settings.home, database="sqlite+none://x", drain=3.0)
    engine = database.connect(settings)
    schema.ensure(engine)
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE interlock_schema SET version_num = '9999'")
    engine.dispose()
    return settings


def test_a_database_that_hangs_holds_up_neither_another_sink_nor_the_end(tmp_path: Path) -> None:
    """Somebody locks the table for good: Parquet goes on, a stop takes no longer than it may."""
    with databases.fresh("postgresql", tmp_path) as url:
        settings = Settings(
            home=tmp_path, database=url, journal_parquet=tmp_path / "parquet", drain=0.5
        )
        engine = database.connect(settings)
        schema.ensure(engine)
        write(settings.spool(), answer(1))
        with engine.connect() as other:
            other.exec_driver_sql("LOCK TABLE interlock_predictions IN EXCLUSIVE MODE")
            with shipping(settings) as at_work:
                until(lambda: list((tmp_path / "parquet").rglob("*.parquet")) != [])
                began = time.monotonic()
                at_work.stop()
            assert time.monotonic() - began < 3
            assert kept(settings) == []
            assert len(left(settings)) == 1
        for thread in at_work._lanes:  # where a process would have ended
            thread.join()
        engine.dispose()


@pytest.mark.parametrize(
    ("kind", "reason"),
    [("no such driver", "sqlite+none://x"), ("of a newer release", "revision 9999, which a newer")],
)
def test_a_wrong_database_is_told_and_holds_up_no_other_sink(
    settings: Settings, tmp_path: Path, kind: str, reason: str
) -> None:
    """Parquet files are written meanwhile; the spool keeps what SQL has not got."""
    wrong = broken(settings, kind)
    both = Settings(
        home=tmp_path, database=wrong.database, journal_parquet=tmp_path / "parquet", drain=3.0
    )
    write(both.spool(), answer(1))
    with shipping(both):
        until(lambda: list((tmp_path / "parquet").rglob("*.parquet")) != [])
        until(lambda: status.read(both.spool()) is not None and not sink(both).up)
    assert reason in sink(both).reason
    assert (sink(both).up, sink(both, "parquet").up) == (False, True)
    assert len(left(both)) == 1
    assert sink(both, "parquet").lag_bytes == 0 < sink(both).lag_bytes


def test_sinks_keep_cursors_of_their_own(settings: Settings, tmp_path: Path) -> None:
    """A segment goes when the slower one has it; the faster one does not take it twice."""
    both = Settings(home=tmp_path, journal_parquet=tmp_path / "parquet", drain=3.0)
    (tmp_path / "parquet").write_text("in its way")
    write(both.spool(), answer(1), answer(2))
    with shipping(both):
        until(lambda: kept(both) == ids(1, 2))
        until(lambda: status.read(both.spool()) is not None and not sink(both, "parquet").up)
    assert len(left(both)) == 1
    (tmp_path / "parquet").unlink()
    with shipping(both):
        until(lambda: left(both) == [])
    assert sorted(pd.read_parquet(tmp_path / "parquet")["id"]) == ids(1, 2)
    assert (sink(both).shipped, sink(both, "parquet").shipped) == (2, 2)


def test_parquet_waits_for_whole_segments(tmp_path: Path) -> None:
    """Nothing is begun for one that is still written to; each file holds its own segment's rows."""
    both = Settings(home=tmp_path, journal_parquet=tmp_path / "parquet", drain=3.0)
    pens = [Pen(both.spool(), slot) for slot in range(2)]
    with shipping(both):
        for number in range(4):
            pens[number % 2].write(answer(number))
        until(lambda: kept(both) == ids(0, 1, 2, 3))
        assert [path for path in (tmp_path / "parquet").rglob("*") if path.is_file()] == []
        for pen in pens:
            pen.close()
        until(lambda: left(both) == [])
    for slot, pen in enumerate(pens):
        (file,) = (tmp_path / "parquet").rglob(f"{pen.segment.path.stem}.parquet")
        assert sorted(pd.read_parquet(file)["id"]) == ids(slot, slot + 2)


def test_damage_is_set_aside_and_counted_once(settings: Settings, tmp_path: Path) -> None:
    """What is sound before and behind it is shipped; several sinks and starts see one damage."""
    both = Settings(home=tmp_path, journal_parquet=tmp_path / "parquet", drain=3.0)
    pen = Pen(both.spool())
    pen.write(answer(1))
    hurt = bytearray(frame(answer(2)))
    hurt[40] ^= 1
    pen.put(bytes(hurt))
    pen.write(answer(3))
    pen.put(frame(answer(4))[:-5])  # torn by a crash: never answered, so no damage
    for _ in range(2):
        with shipping(Settings(home=tmp_path, drain=0.5)):
            until(lambda: kept(both) == ids(1, 3))
    pen.close()
    with shipping(both):
        until(lambda: left(both) == [])
    assert seen(both).damaged == 1
    assert seen(both).torn == 1
    (aside,) = (both.spool() / "damaged").glob("*.bytes")
    assert aside.read_bytes() == bytes(hurt)
    assert sorted(pd.read_parquet(tmp_path / "parquet")["id"]) == ids(1, 3)


def test_records_of_a_newer_release_wait_for_it(settings: Settings) -> None:
    """They are not skipped: whoever goes back a release is told."""
    from interlock.journal import frame as frames

    pen = Pen(settings.spool())
    pen.write(answer(1))
    newer: Any = 77
    pen.put(frames.pack(newer, b"{}"))
    pen.close()
    with shipping(settings):
        until(lambda: status.read(settings.spool()) is not None and not sink(settings).up)
    assert "kind 77" in sink(settings).reason
    assert kept(settings) == ids(1)
    assert len(left(settings)) == 1


def test_a_lag_says_how_old_the_oldest_waiting_record_is(settings: Settings) -> None:
    """In bytes and in seconds, by the record itself, not by its segment."""
    moment = time.time_ns() // 1000 - 60_000_000
    write(settings.spool(), answer(1, moment=moment))
    wrong = Settings(home=settings.home, database="sqlite+none://x", drain=1.0)
    with shipping(wrong):
        until(lambda: status.read(wrong.spool()) is not None and not sink(wrong).up)
    assert 59 < sink(wrong).lag_seconds < 80
    assert sink(wrong).lag_bytes == segments.size(wrong.spool())


def test_without_pyarrow_only_parquet_is_missing(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is said what to install; SQL goes on."""
    monkeypatch.delitem(sys.modules, "interlock.journal.sinks.parquet", raising=False)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    both = Settings(home=tmp_path, journal_parquet=tmp_path / "parquet", drain=3.0)
    write(both.spool(), answer(1))
    with shipping(both):
        until(lambda: kept(both) == ids(1))
    assert "pip install 'interlock[parquet]'" in sink(both, "parquet").reason


def test_a_journal_has_one_identity(tmp_path: Path) -> None:
    """Made once, and never again: cursors are kept under it."""
    first = shipper.identity(tmp_path)
    assert len(first) == 32
    assert shipper.identity(tmp_path) == first
    assert [path.name for path in tmp_path.iterdir()] == ["id"]


def test_what_one_worker_wrote_arrives_in_its_order(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over several segments, a few records at a time, one of them larger than such a piece."""
    monkeypatch.setattr(lane, "_CHUNK", 500)
    for start in range(0, 100, 10):
        numbers = range(start, start + 10)
        given = [[label(number, 1, source=str(number))] for number in numbers]
        write(settings.spool(), *given, answer(1000 + start, rows=5))
    with shipping(settings):
        pass
    engine = database.connect(settings)
    with engine.connect() as connection:
        query = "SELECT id FROM interlock_labels ORDER BY arrival"
        arrived = list(connection.exec_driver_sql(query).scalars())
    engine.dispose()
    assert arrived == ids(*range(100))
    assert len(kept(settings)) == 50


def test_a_database_that_is_deleted_meanwhile_is_noticed(settings: Settings) -> None:
    """Nothing is written into a file without a name: a new one has all that the spool holds."""
    pen = Pen(settings.spool())
    with shipping(settings):
        pen.write(answer(1))
        until(lambda: kept(settings) == ids(1))
        for path in settings.home.glob("interlock.db*"):
            path.unlink()
        pen.write(answer(2))
        until(lambda: segments.size(settings.spool()) > 0 and kept(settings) == ids(1, 2))
        pen.close()
    assert sink(settings).up
