"""The table of the history: it grows, and nothing else can be done to it."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import pytest
import sqlalchemy as sa

from interlock.errors import RegistryError
from interlock.registry.entry import Entry, verify
from interlock.registry.history import TABLE, History

THEN = "2026-01-01T00:00:00.000000Z"


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database of each kind that has triggers."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'history.db'}"
    if "INTERLOCK_TEST_POSTGRES" not in os.environ:
        pytest.skip("INTERLOCK_TEST_POSTGRES is not set")
    return os.environ["INTERLOCK_TEST_POSTGRES"]


@pytest.fixture
def history(url: str) -> Iterator[History]:
    """The history in that database."""
    history = History(url)
    yield history
    history.close()


@pytest.fixture
def name() -> str:
    """A model's name that no other test uses."""
    return f"ecg-{uuid4().hex[:12]}"


def entry(name: str, sequence: int, actor: str = "ann") -> Entry:
    """A move of the champion."""
    return Entry(
        name=name,
        sequence=sequence,
        event="moved",
        alias="champion",
        number=sequence,
        version="1.0.0",
        digest="sha256:0",
        actor=actor,
        reason="it is 100% better; really",
        since=THEN,
        moment=THEN,
    )


def tamper(url: str, statement: str) -> None:
    """What somebody with the database's password could try."""
    engine = sa.create_engine(url)
    try:
        with engine.begin() as connection:
            connection.execute(sa.text(statement))
    finally:
        engine.dispose()


def test_entries_come_back_in_order_as_a_whole_chain(history: History, name: str) -> None:
    """What was appended is read as it was written, each model's by itself."""
    written = [history.append(entry(name, sequence)) for sequence in (1, 2, 3)]
    history.append(entry(name + "-other", 1))
    assert history.entries(name) == written
    verify(name, history.entries(name))


def test_a_sequence_that_is_taken_is_refused(history: History, name: str) -> None:
    """Who decided on an old view of the table has to look again."""
    history.append(entry(name, 1))
    assert history.append(entry(name, 1, actor="bob")) is None
    assert [found.actor for found in history.entries(name)] == ["ann"]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE interlock_history SET actor = 'mallory'",
        "DELETE FROM interlock_history",
    ],
)
def test_the_database_refuses_to_change_history(
    history: History, url: str, name: str, statement: str
) -> None:
    """Neither an update nor a deletion gets through, not even from outside Interlock."""
    written = history.append(entry(name, 1))
    with pytest.raises(sa.exc.DBAPIError, match="cannot be changed, only added to"):
        tamper(url, statement)
    assert history.entries(name) == [written]


def test_sqlite_refuses_to_replace_a_row(tmp_path: Path, name: str) -> None:
    """INSERT OR REPLACE would pass by a trigger on deletion."""
    history = History(f"sqlite:///{tmp_path / 'history.db'}")
    written = history.append(entry(name, 1))
    with pytest.raises(sa.exc.DBAPIError, match="cannot be changed"):
        tamper(history.url, "INSERT OR REPLACE INTO interlock_history SELECT * FROM "
                            "interlock_history")  # fmt: skip
    assert history.entries(name) == [written]
    history.close()


def test_postgresql_refuses_to_empty_the_table(history: History, url: str, name: str) -> None:
    """TRUNCATE would pass by a trigger on rows."""
    if not url.startswith("postgresql"):
        pytest.skip("SQLite has no TRUNCATE")
    history.append(entry(name, 1))
    with pytest.raises(sa.exc.DBAPIError, match="cannot be changed"):
        tamper(url, "TRUNCATE interlock_history")


def test_a_change_past_the_triggers_breaks_the_chain(tmp_path: Path) -> None:
    """Who drops the triggers can write, but not unnoticed."""
    history = History(f"sqlite:///{tmp_path / 'history.db'}")
    for sequence in (1, 2, 3):
        history.append(entry("ecg", sequence))
    tamper(history.url, "DROP TRIGGER interlock_history_update")
    tamper(history.url, "UPDATE interlock_history SET event = 'tidied' WHERE sequence = 2")
    with pytest.raises(RegistryError, match="history of ecg is broken at entry 2"):
        verify("ecg", history.entries("ecg"))
    history.close()


def test_many_writers_lose_nothing(url: str, name: str) -> None:
    """Writers who look and try again all get their entry in, in one whole chain."""

    def write(actor: str) -> None:
        history = History(url)
        while history.append(entry(name, len(history.entries(name)) + 1, actor)) is None:
            pass
        history.close()

    actors = [f"writer {number}" for number in range(8)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, actors))
    history = History(url)
    entries = history.entries(name)
    history.close()
    assert sorted(found.actor or "" for found in entries) == actors
    verify(name, entries)


def test_the_table_holds_every_field_of_an_entry() -> None:
    """A field without a column would be lost, and break the chain."""
    assert tuple(TABLE.columns.keys()) == Entry.__struct_fields__


def test_a_database_that_is_away_is_named_without_its_password() -> None:
    """The error comes within seconds and shows where, not how to get in."""
    pytest.importorskip("psycopg", reason="the driver for PostgreSQL is not installed")
    history = History("postgresql+psycopg://ann:s3cret@127.0.0.1:1/interlock")
    begun = time.monotonic()
    with pytest.raises(RegistryError, match=r"postgresql\+psycopg://ann:\*\*\*@") as caught:
        history.probe()
    assert time.monotonic() - begun < 10
    assert "s3cret" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_an_address_that_is_none_is_refused() -> None:
    """A driver that does not exist is an error of the registry like any other."""
    with pytest.raises(RegistryError, match="cannot be used"):
        History("postgresql+nodriver://host/x").probe()
