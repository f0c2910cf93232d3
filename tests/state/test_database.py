from __future__ import annotations

import re
import sqlite3
import time
from pathlib import Path

import pytest
import sqlalchemy as sa

from interlock.errors import DatabaseError
from interlock.settings import Settings
from interlock.state import database


def test_a_password_never_shows_in_an_error() -> None:
    """What cannot be reached is named, without what would let others in."""
    engine = database.engine("postgresql://ann:s3cr3t@127.0.0.1:1/interlock")
    with pytest.raises(DatabaseError, match=r"ann:\*\*\*@127\.0\.0\.1:1/interlock") as refused:
        engine.connect()
    assert "s3cr3t" not in str(refused.value)
    assert "s3cr3t" not in database.location(engine)


@pytest.mark.parametrize("url", ["nonsense", "sqlite+none://x", "sqlite:////proc/1/x/y.db"])
def test_an_address_that_cannot_be_used_is_named(url: str) -> None:
    """No such form, no such driver, no such folder: one error, with the address in it."""
    with pytest.raises(DatabaseError, match=re.escape(url)):
        database.engine(url)


def test_a_database_of_another_kind_is_refused() -> None:
    """What was never tried is not promised."""
    with pytest.raises(DatabaseError, match="mysql is neither SQLite nor PostgreSQL"):
        database.engine("mysql://db/x")


def test_plain_postgresql_means_the_driver_that_comes_with_the_extra() -> None:
    """Nobody has to know psycopg's name."""
    assert database.engine("postgresql://db/x").dialect.driver == "psycopg"


def test_sqlite_keeps_what_it_committed_and_lets_readers_in(tmp_path: Path) -> None:
    """The folder is made; commits are on the disk; nobody waits for a writer."""
    engine = database.connect(Settings(home=tmp_path / "new" / "home"))
    with engine.connect() as connection:
        said = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
            for name in ("journal_mode", "synchronous", "auto_vacuum")
        }
    assert said == {"journal_mode": "wal", "synchronous": 2, "auto_vacuum": 2}
    assert (tmp_path / "new" / "home" / "interlock.db").exists()


def test_a_lock_is_waited_for_and_then_told(tmp_path: Path) -> None:
    """Another process that writes for too long is an error that says so."""
    engine = database.engine(f"sqlite:///{tmp_path / 'x.db'}", patience=0.2)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE t (x)")
    other = sqlite3.connect(tmp_path / "x.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    started = time.monotonic()
    with (
        pytest.raises(DatabaseError, match=r"x\.db cannot be used: database is locked"),
        engine.begin() as connection,
    ):
        connection.exec_driver_sql("INSERT INTO t VALUES (1)")
    assert 0.15 < time.monotonic() - started < 2
    other.close()


def test_errors_of_the_driver_itself_are_ours_too(database_url: str) -> None:
    """COPY goes past SQLAlchemy, and what it raises does not."""
    engine = database.engine(database_url)
    with engine.connect() as connection:
        cursor = connection.connection.cursor()
        with pytest.raises(DatabaseError, match="missing_table"), database.translated(engine):
            cursor.execute("SELECT * FROM missing_table")
    with pytest.raises(DatabaseError, match="missing_table"), engine.connect() as connection:
        connection.execute(sa.text("SELECT * FROM missing_table"))
    engine.dispose()
