from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from interlock.journal import keeper
from interlock.journal.keeper import Keeper
from interlock.journal.sinks.sql import SqlSink
from interlock.settings import Settings
from interlock.state import database
from tests.journal.spooled import DAY, answer, kept, label, name, until

NOW = time.time_ns() // 1000


@contextmanager
def keeping(settings: Settings) -> Iterator[Keeper]:
    """A keeper at work."""
    stop = threading.Event()
    at_work = Keeper(settings, stop)
    at_work.start()
    try:
        yield at_work
    finally:
        stop.set()
        at_work.join()


@pytest.fixture(autouse=True)
def _hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeper, "_LOOK", 0.05)
    monkeypatch.setattr(keeper, "_RESOLVE", 0.1)
    monkeypatch.setattr(keeper, "_SOON", 0.0)


def fill(settings: Settings) -> None:
    """Two predictions, an old one and a new one; a label of the new one, and an old orphan."""
    sink = SqlSink(settings.database_url(), "journal")
    sink.cursors()
    said = [answer(1, moment=NOW - 10 * DAY), answer(2, moment=NOW)]
    given = [label(3, 2, received=NOW), label(4, 9, received=NOW - 3 * DAY)]
    sink.write("segment", [*said, given], 1)
    sink.close()


def resolved(settings: Settings) -> list[str]:
    """Ids of labels whose predictions were found."""
    engine = database.connect(settings)
    with engine.connect() as connection:
        query = "SELECT id FROM interlock_labels WHERE resolved IS NOT NULL ORDER BY id"
        found = list(connection.exec_driver_sql(query).scalars())
    engine.dispose()
    return found


def test_labels_find_their_predictions_and_orphans_are_counted(tmp_path: Path) -> None:
    """From time to time, without anybody asking."""
    settings = Settings(home=tmp_path, journal_orphan_after=86_400.0)
    fill(settings)
    with keeping(settings) as at_work:
        until(lambda: resolved(settings) == [name(3)])
        until(lambda: at_work.orphans == 1)
    assert kept(settings) == [name(1), name(2)]  # nobody said how long they are kept


def test_what_is_too_old_is_deleted(tmp_path: Path) -> None:
    """By the settings, while the server runs."""
    settings = Settings(home=tmp_path, journal_keep=5 * 86_400.0)
    fill(settings)
    with keeping(settings):
        until(lambda: kept(settings) == [name(2)])


def test_a_database_that_is_not_there_yet_is_tried_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What fails is told once, not every time."""
    home = tmp_path / "home"
    home.write_text("in its way")
    settings = Settings(home=tmp_path, database=f"sqlite:///{home / 'interlock.db'}")
    with keeping(settings):
        time.sleep(0.8)
        home.unlink()
        fill(settings)
        until(lambda: resolved(settings) == [name(3)])
    said = "".join(capsys.readouterr())
    assert said.count("finding the predictions of labels failed") == 1
