"""The audit log: every act in one chain, and every chain checked."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from uuid import uuid4

import pytest

from interlock.errors import DatabaseError, KeyStoreError
from interlock.journal import audit, keys
from interlock.journal.audit import TABLE, Act, Audit
from interlock.registry import Registry
from interlock.settings import Settings


@pytest.fixture
def settings(home: Path) -> Settings:
    """An embedded registry and database in which Ann acts."""
    return Settings(home=home, actor="ann")


@pytest.fixture
def log(settings: Settings) -> Iterator[Audit]:
    """Their audit log."""
    made = Audit(settings)
    yield made
    made.close()


def tamper(settings: Settings, *statements: str, file: str = "interlock.db") -> None:
    """What somebody who owns the file could do, past the triggers."""
    with closing(sqlite3.connect(settings.home / file)) as connection:
        tables = ("interlock_audit", "interlock_history", "interlock_evidence", "interlock_looks")
        for table in tables:
            for trigger in ("update", "delete", "replace"):
                connection.execute(f"DROP TRIGGER IF EXISTS {table}_{trigger}")
        for statement in statements:
            connection.execute(statement)
        connection.commit()


def problems(log: Audit) -> list[str]:
    """What is wrong, by chain."""
    return [f"{one.chain}: {one.problem}" for one in log.verify() if one.problem]


def test_acts_are_kept_with_who_and_why(log: Audit) -> None:
    """In the order in which they were done, with their figures."""
    log.record("erase", "subject 00ff", " asked by letter ", keys=1, left=["a sink"])
    log.record("keys rotate", "master key 1")
    first, second = log.lines()
    assert (first.actor, first.act, first.about) == ("ann", "erase", "subject 00ff")
    assert (first.reason, first.details) == ("asked by letter", {"keys": 1, "left": ["a sink"]})
    assert second.moment > first.moment
    assert problems(log) == []


def test_moves_of_aliases_stand_among_the_acts(
    log: Audit, registry: Registry, make_package: Callable[..., Path]
) -> None:
    """Promotions and rollbacks come from the registry's history, forced ones marked."""
    log.record("keys create", "master key 1")
    version = registry.register(make_package())
    registry.promote(version.name, version.version, "champion", "first", force=True)
    log.record("keys rotate", "master key 1")
    found = [(line.act, line.about, line.reason) for line in log.lines()]
    assert found == [
        ("keys create", "master key 1", ""),
        ("promotion (forced)", "ecg@champion: ecg:1.0.0", "first"),
        ("keys rotate", "master key 1", ""),
    ]
    chains = {finding.chain for finding in log.verify()}
    assert chains == {"audit log", "history of ecg"}


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("UPDATE interlock_audit SET actor = 'bob' WHERE sequence = 2", "entry 2"),
        ("UPDATE interlock_audit SET details = '{}' WHERE sequence = 1", "entry 1"),
        ("UPDATE interlock_audit SET reason = 'other' WHERE sequence = 3", "entry 3"),
        ("DELETE FROM interlock_audit WHERE sequence = 2", "entry 2"),
        ("DELETE FROM interlock_audit WHERE sequence = 1", "entry 1"),
        ("DELETE FROM interlock_audit WHERE sequence = 3", "line 3 is missing"),
        ("DELETE FROM interlock_audit", "line 1 is missing"),
    ],
)
def test_a_changed_or_missing_line_is_named(
    log: Audit, settings: Settings, statement: str, reason: str
) -> None:
    """Also the last one: how far the log went is kept beside it."""
    for number in range(3):
        log.record("erase", f"subject {number}", keys=number)
    assert problems(log) == []
    tamper(settings, statement)
    (problem,) = problems(log)
    assert problem.startswith("audit log: ")
    assert reason in problem


def test_a_log_that_was_written_anew_as_a_whole_is_found_out(
    log: Audit, settings: Settings
) -> None:
    """Every hash in it holds, and yet it is another log."""
    log.record("erase", "subject 1")
    tamper(settings, "DELETE FROM interlock_audit")
    other = Audit(Settings(home=settings.home / "other", database=settings.database_url()))
    other.record("keys create", "nothing happened")
    other.close()
    (problem,) = problems(log)
    assert "line 1 is not the one that was seen there" in problem


def test_other_chains_are_measured_by_the_last_check(
    log: Audit, settings: Settings, registry: Registry, make_package: Callable[..., Path]
) -> None:
    """A history whose newest line was cut off after a check is found out by the next."""
    version = registry.register(make_package())
    registry.promote(version.name, version.version, "champion", "first", force=True)
    registry.close()
    assert [one.compared for one in log.verify()] == [False]
    assert [one.compared for one in log.verify()] == [True]
    tamper(
        settings,
        "DELETE FROM interlock_history WHERE sequence ="
        " (SELECT max(sequence) FROM interlock_history)",
        file="registry.db",
    )
    (problem,) = problems(log)
    assert problem == "history of ecg: it had 2 lines and has 1: line 2 is missing"


def test_a_changed_history_does_not_keep_the_rest_from_being_checked(
    log: Audit, settings: Settings, registry: Registry, make_package: Callable[..., Path]
) -> None:
    """Each chain has its own finding."""
    log.record("erase", "subject 1")
    version = registry.register(make_package())
    registry.promote(version.name, version.version, "champion", "first", force=True)
    registry.close()
    tamper(settings, "UPDATE interlock_history SET reason = 'other'", file="registry.db")
    findings = log.verify()
    assert [bool(one.problem) for one in findings] == [False, True]
    assert "history of ecg is broken at entry 1" in findings[1].problem


def test_the_file_of_lengths_cannot_be_changed_without_the_hash_key(
    log: Audit, settings: Settings
) -> None:
    """Whoever cuts the log and corrects the file is found out by its seal."""
    log.record("erase", "subject 1")
    log.record("erase", "subject 2")
    file = settings.home / "audit.head"
    text = file.read_text()
    file.write_text(text.replace("[2,", "[1,"))
    assert text != file.read_text()
    with pytest.raises(KeyStoreError, match=r"audit\.head cannot be used: it was changed"):
        log.verify()
    file.write_text("nonsense")
    with pytest.raises(KeyStoreError, match=r"audit\.head cannot be used"):
        log.verify()


def test_without_that_file_a_log_with_lines_is_a_problem(log: Audit, settings: Settings) -> None:
    """Whoever cuts the log could have removed it; further acts do not make up for it."""
    log.record("erase", "subject 1")
    (settings.home / "audit.head").unlink()
    assert "it was removed" in problems(log)[0]
    log.record("erase", "subject 2")
    assert "it was removed" in problems(log)[0]
    assert [one.problem for one in log.verify(first=True)] == [""]
    assert problems(log) == []


def test_an_older_file_put_back_is_found_out_by_the_key_store(
    log: Audit, settings: Settings
) -> None:
    """It counts the lines, too: cutting the log then takes all three."""
    keys.opened(settings).generation()
    log.record("erase", "subject 1")
    older = (settings.home / "audit.head").read_bytes()
    log.record("erase", "subject 2")
    tamper(settings, "DELETE FROM interlock_audit WHERE sequence = 2")
    (settings.home / "audit.head").write_bytes(older)
    assert "it had 2 lines by the key store and has 1" in problems(log)[0]


def test_an_older_copy_of_the_database_shows(log: Audit, settings: Settings) -> None:
    """Putting yesterday's file back undoes what was done since, and is seen."""
    log.record("erase", "subject 1")
    log.close()
    with closing(sqlite3.connect(settings.home / "interlock.db")) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    shutil.copy(settings.home / "interlock.db", settings.home / "yesterday.db")
    log.record("erase", "subject 2")
    log.close()
    shutil.copy(settings.home / "yesterday.db", settings.home / "interlock.db")
    for left in ("-wal", "-shm"):
        (settings.home / f"interlock.db{left}").unlink(missing_ok=True)
    assert "it had 2 lines and has 1" in problems(log)[0]


def test_the_database_refuses_to_change_the_log(log: Audit, settings: Settings) -> None:
    """As it does for history and evidence."""
    log.record("erase", "subject 1")
    with (
        closing(sqlite3.connect(settings.home / "interlock.db")) as connection,
        pytest.raises(sqlite3.IntegrityError, match="cannot be changed, only added to"),
    ):
        connection.execute("UPDATE interlock_audit SET actor = 'bob'")


def test_many_who_act_at_once_all_get_their_line(settings: Settings) -> None:
    """In one whole chain, and the length beside it is the last."""
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda n: audit.record(settings, "erase", f"subject {n}"), range(12)))
    log = Audit(settings)
    (finding,) = log.verify()
    log.close()
    assert (finding.lines, finding.compared, finding.problem) == (12, True, "")


def test_a_machine_without_a_registry_gets_none(tmp_path: Path) -> None:
    """A server that only has packages keeps acts, and makes no database of models."""
    settings = Settings(home=tmp_path, actor="ann")
    audit.record(settings, "keys create", "master key 1")
    log = Audit(settings)
    assert [line.act for line in log.lines()] == ["keys create"]
    assert [one.chain for one in log.verify()] == ["audit log"]
    log.close()
    assert not (tmp_path / "registry.db").exists()


def test_postgresql_keeps_the_log_as_well(tmp_path: Path) -> None:
    """Shared by all machines: each has a length of its own to compare with."""
    if "INTERLOCK_TEST_POSTGRES" not in os.environ:
        pytest.skip("INTERLOCK_TEST_POSTGRES is not set")
    url = os.environ["INTERLOCK_TEST_POSTGRES"]
    about = f"subject {uuid4().hex}"
    for home in ("a", "b"):
        settings = Settings(home=tmp_path / home, actor=home, database=url)
        audit.record(settings, "erase", about)
    log = Audit(settings)
    assert [line.actor for line in log.lines() if line.about == about] == ["a", "b"]
    assert [one.problem for one in log.verify(first=True)] == [""]
    log.close()


def test_a_database_that_is_away_is_an_error_with_its_name(tmp_path: Path) -> None:
    """Nothing is done unrecorded without anybody hearing of it."""
    (tmp_path / "file").write_text("no directory")
    settings = Settings(home=tmp_path, database=f"sqlite:///{tmp_path}/file/x.db")
    with pytest.raises(DatabaseError, match=r"file/x\.db cannot be used"):
        audit.record(settings, "erase", "subject 1")


def test_the_table_holds_every_field() -> None:
    """A field without a column would be lost, and break the chain."""
    assert set(TABLE.columns.keys()) == set(Act.__struct_fields__)
