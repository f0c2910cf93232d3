"""Logs: tables that grow, and to which nothing else can be done."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from uuid import uuid4

import msgspec
import pytest
import sqlalchemy as sa

from interlock.errors import RegistryError
from interlock.registry import log
from interlock.registry.chain import Link
from interlock.registry.database import Database
from interlock.registry.entry import Entry
from interlock.registry.evidence import Evidence
from interlock.registry.log import Log
from interlock.registry.looks import Look
from interlock.registry.tables import EVIDENCE, HISTORY, LOOKS

THEN = "2026-01-01T00:00:00.000000Z"


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database of each kind that has triggers."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'history.db'}"
    if "INTERLOCK_TEST_POSTGRES" not in os.environ:
        pytest.skip("INTERLOCK_TEST_POSTGRES is not set")
    return os.environ["INTERLOCK_TEST_POSTGRES"]


Open = Callable[[str], Log[Entry]]


@pytest.fixture
def opened() -> Iterator[Open]:
    """Opens the history at an address, and closes it in the end."""
    databases = []

    def open_history(url: str) -> Log[Entry]:
        databases.append(Database(url))
        return Log(databases[-1], HISTORY, Entry, "history")

    yield open_history
    for database in databases:
        database.close()


@pytest.fixture
def history(url: str, opened: Open) -> Log[Entry]:
    """The history in that database."""
    return opened(url)


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


def test_entries_come_back_in_order_as_a_whole_chain(history: Log[Entry], name: str) -> None:
    """What was appended is read as it was written, each model's by itself."""
    written = [history.append(entry(name, sequence)) for sequence in (1, 2, 3)]
    history.append(entry(name + "-other", 1))
    assert history.entries(name) == written
    assert history.verified(name) == written


def test_a_sequence_that_is_taken_is_refused(history: Log[Entry], name: str) -> None:
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
    history: Log[Entry], url: str, name: str, statement: str
) -> None:
    """Neither an update nor a deletion gets through, not even from outside Interlock."""
    written = history.append(entry(name, 1))
    with pytest.raises(sa.exc.DBAPIError, match="cannot be changed, only added to"):
        tamper(url, statement)
    assert history.entries(name) == [written]


def test_sqlite_refuses_to_replace_a_row(tmp_path: Path, opened: Open, name: str) -> None:
    """INSERT OR REPLACE would pass by a trigger on deletion."""
    url = f"sqlite:///{tmp_path / 'history.db'}"
    history = opened(url)
    written = history.append(entry(name, 1))
    with pytest.raises(sa.exc.DBAPIError, match="cannot be changed"):
        tamper(url, "INSERT OR REPLACE INTO interlock_history SELECT * FROM "
                            "interlock_history")  # fmt: skip
    assert history.entries(name) == [written]


def test_postgresql_refuses_to_empty_the_table(history: Log[Entry], url: str, name: str) -> None:
    """TRUNCATE would pass by a trigger on rows."""
    if not url.startswith("postgresql"):
        pytest.skip("SQLite has no TRUNCATE")
    history.append(entry(name, 1))
    with pytest.raises(sa.exc.DBAPIError, match="cannot be changed"):
        tamper(url, "TRUNCATE interlock_history")


def test_a_change_past_the_triggers_breaks_the_chain(tmp_path: Path, opened: Open) -> None:
    """Who drops the triggers can write, but not unnoticed."""
    url = f"sqlite:///{tmp_path / 'history.db'}"
    history = opened(url)
    for sequence in (1, 2, 3):
        history.append(entry("ecg", sequence))
    tamper(url, "DROP TRIGGER interlock_history_update")
    tamper(url, "UPDATE interlock_history SET event = 'tidied' WHERE sequence = 2")
    with pytest.raises(RegistryError, match="history of ecg is broken at entry 2"):
        history.verified("ecg")


def test_many_writers_lose_nothing(url: str, opened: Open, name: str) -> None:
    """Writers who look and try again all get their entry in, in one whole chain."""

    def write(actor: str) -> None:
        history = opened(url)
        while history.append(entry(name, len(history.entries(name)) + 1, actor)) is None:
            pass

    actors = [f"writer {number}" for number in range(8)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, actors))
    assert sorted(found.actor or "" for found in opened(url).verified(name)) == actors


@pytest.mark.parametrize(("table", "kind"), [(HISTORY, Entry), (EVIDENCE, Evidence), (LOOKS, Look)])
def test_a_table_holds_every_field(table: sa.Table, kind: type[Link]) -> None:
    """A field without a column would be lost, and break the chain; what came later may be NULL."""
    assert set(table.columns.keys()) == set(kind.__struct_fields__)
    assert all(table.columns[field].nullable for field in kind.LATER)


def test_several_lines_are_added_together_or_not_at_all(history: Log[Entry], name: str) -> None:
    """One sequence that is taken keeps all of them out."""
    first, second, third = (entry(name, sequence) for sequence in (1, 2, 3))
    history.append(first)
    assert history.extend([second, third]) is not None
    assert history.extend([third, entry(name, 4)]) is None
    assert [found.sequence for found in history.verified(name)] == [1, 2, 3]


LATER = ("move", "forced")
OLD = sa.Table(
    "interlock_history",
    sa.MetaData(),
    *(column._copy() for column in HISTORY.columns if column.name not in LATER),
)


@pytest.fixture
def old(request: pytest.FixtureRequest, url: str, tmp_path: Path) -> Iterator[str]:
    """A history as it was before moves could be forced, with one move of ecg in it."""
    if url.startswith("postgresql"):
        # The database is shared: a schema of its own for the table as it was.
        schema = f"old_{uuid4().hex[:12]}"
        tamper(url, f"CREATE SCHEMA {schema}")
        url = f"{url}?options=-csearch_path%3D{schema}"
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        OLD.create(connection)
        connection.execute(sa.insert(OLD).values(**WRITTEN))
    engine.dispose()
    yield url
    if url.startswith("postgresql"):
        tamper(url, f"DROP SCHEMA {schema} CASCADE")


WRITTEN = {
    "name": "ecg",
    "sequence": 1,
    "event": "moved",
    "alias": "champion",
    "number": 1,
    "version": "1.0.0",
    "digest": "sha256:0",
    "actor": "ann",
    "reason": "first",
    "settles": None,
    "since": THEN,
    "moment": THEN,
    "previous": "0" * 64,
    # As the release that had no forced moves worked it out.
    "hash": "275743000c2e037bd562330eb897f548539f1704c8a98d90ad6c623b8acbaff0",
}


def test_a_history_from_before_gets_the_new_columns_and_stays_whole(old: str, opened: Open) -> None:
    """Its entries hold by their old hashes, as moves that nobody forced; new ones follow them."""
    history = opened(old)
    (first,) = history.verified("ecg")
    assert (first.move, first.forced, first.hash) == ("alias", False, WRITTEN["hash"])
    forced = msgspec.structs.replace(entry("ecg", 2), move="promotion", forced=True)
    history.append(forced)
    assert [(one.move, one.forced) for one in opened(old).verified("ecg")] == [
        ("alias", False),
        ("promotion", True),
    ]


def test_many_who_open_an_old_history_at_once_all_can(old: str, opened: Open) -> None:
    """The columns are added once, whoever comes first."""
    start = Barrier(8)

    def read(_: int) -> list[Entry]:
        history = opened(old)
        start.wait()
        return history.verified("ecg")

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(read, range(8)))
    assert [len(entries) for entries in found] == [1] * 8


def test_columns_that_somebody_adds_meanwhile_are_not_added_again(
    old: str, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the look at the table and the lock on it, another release can have come first."""
    lock = log._lock

    def late(connection: sa.Connection, table: sa.Table) -> None:
        monkeypatch.setattr(log, "_lock", lock)
        opened(old).verified("ecg")
        lock(connection, table)

    monkeypatch.setattr(log, "_lock", late)
    assert len(opened(old).verified("ecg")) == 1


def test_a_forced_move_cannot_be_made_to_look_like_another(tmp_path: Path, opened: Open) -> None:
    """Neither false nor NULL in its place goes unnoticed."""
    url = f"sqlite:///{tmp_path / 'history.db'}"
    history = opened(url)
    history.append(msgspec.structs.replace(entry("ecg", 1), forced=True))
    history.verified("ecg")
    for value in ("NULL", "0"):
        # Whoever opens the log puts the trigger back.
        tamper(url, "DROP TRIGGER interlock_history_update")
        tamper(url, f"UPDATE interlock_history SET forced = {value}")
        with pytest.raises(RegistryError, match="broken at entry 1"):
            opened(url).verified("ecg")


def test_a_database_that_is_away_is_named_without_its_password() -> None:
    """The error comes within seconds and shows where, not how to get in."""
    pytest.importorskip("psycopg", reason="the driver for PostgreSQL is not installed")
    database = Database("postgresql+psycopg://ann:s3cret@127.0.0.1:1/interlock")
    begun = time.monotonic()
    with pytest.raises(RegistryError, match=r"postgresql\+psycopg://ann:\*\*\*@") as caught:
        database.probe()
    assert time.monotonic() - begun < 10
    assert "s3cret" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_an_address_that_is_none_is_refused() -> None:
    """A driver that does not exist is an error of the registry like any other."""
    with pytest.raises(RegistryError, match="cannot be used"):
        Database("postgresql+nodriver://host/x").probe()
