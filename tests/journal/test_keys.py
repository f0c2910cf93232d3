"""The store of data keys, in SQLite and in PostgreSQL."""

from __future__ import annotations

import fcntl
import os
import random
import signal
import sqlite3
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from uuid import uuid4

import pytest

from interlock import private
from interlock.errors import ConfigurationError, FormatError, KeyStoreError
from interlock.journal import keys
from interlock.journal.keys import Store, rotation
from interlock.journal.master import ring
from interlock.settings import Secret, Settings

from .privacy import holding, master_key, sealing


@pytest.fixture(params=["sqlite", "postgresql"])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Settings]:
    """Settings with a store of each kind, for this test alone."""
    if request.param == "sqlite":
        yield sealing(tmp_path)
        return
    if "INTERLOCK_TEST_POSTGRES" not in os.environ:
        pytest.skip("INTERLOCK_TEST_POSTGRES is not set")
    import psycopg

    url = os.environ["INTERLOCK_TEST_POSTGRES"]
    schema = f"keys_{uuid4().hex[:12]}"
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {schema}")
        yield sealing(tmp_path, keys=f"{url}?options=-csearch_path%3D{schema}")
        connection.execute(f"DROP SCHEMA {schema} CASCADE")


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    """That store."""
    made = keys.opened(settings)
    yield made
    made.close()


def wrap(key: bytes) -> tuple[bytes, str]:
    """What a master key would do, so that a test can see the key again."""
    return b"wrapped " + key, "m1"


def test_a_subject_keeps_its_key(settings: Settings, store: Store) -> None:
    """Whoever asks again, here or in another process, gets the same."""
    first = store.obtain([b"ann", b"bob"], wrap)
    other = keys.opened(settings)
    assert other.obtain([b"bob", b"ann", b"eve"], wrap) == {
        **first,
        b"eve": store.obtain([b"eve"], wrap)[b"eve"],
    }
    other.close()
    assert store.find(first[b"ann"].id) == first[b"ann"]
    assert store.find(b"?" * 16) is None


def test_many_who_ask_at_once_get_one_key(settings: Settings) -> None:
    """Workers that meet a new subject at the same moment all seal with the same key."""

    def ask(_: int) -> set[bytes]:
        store = keys.opened(settings)
        found = {store.obtain([subject], wrap)[subject].id for subject in (b"ann", b"bob")}
        store.close()
        return found

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(ask, range(16)))
    assert len(set.union(*found)) == 2


def test_a_key_that_somebody_made_meanwhile_is_taken(settings: Settings, store: Store) -> None:
    """Between the look for a key and the making of one, another worker can have made it."""
    other = keys.opened(settings)
    first: list[keys.Kept] = []

    def late(key: bytes) -> tuple[bytes, str]:
        first.append(other.obtain([b"ann"], wrap)[b"ann"])
        return b"late " + key, "m1"

    assert store.obtain([b"ann"], late)[b"ann"] == first[0]
    other.close()


def test_an_erased_key_is_gone_and_counted(store: Store) -> None:
    """Only what was asked for, and everybody who remembers keys can tell."""
    before = store.generation()
    first = store.obtain([b"ann", b"bob", b"label 1", b"label 2"], wrap)
    assert store.generation() == before
    assert store.erase([b"ann"], [b"label 1", b"label 9"], 5_000) == 2
    assert store.generation() == before + 1
    assert store.find(first[b"ann"].id) is None
    assert store.find(first[b"label 1"].id) is None
    assert store.find(first[b"bob"].id) is not None
    assert store.erased() == {b"ann": (before + 1, 5_000)}
    store.erase([b"ann"], [], 6_000)
    assert store.erased() == {b"ann": (before + 2, 6_000)}


def test_forgetting_many_keys_leaves_the_others(store: Store) -> None:
    """More than one statement takes."""
    subjects = [f"label {number}".encode() for number in range(1100)]
    store.obtain(subjects, wrap)
    assert store.forget(subjects[50:]) == 1050
    assert store.forget(subjects[50:]) == 0
    assert sum(holding.keys for holding in store.holdings()) == 50


def test_holdings_tell_what_each_master_key_has_wrapped(store: Store) -> None:
    """With the time of the first and the last."""
    begun = time.time_ns() // 1000
    store.obtain([b"ann", b"bob"], wrap)
    store.obtain([b"eve"], lambda key: (key, "m2"))
    newest, older = store.holdings()
    assert (newest.master, newest.keys) == ("m2", 1)
    assert (older.master, older.keys) == ("m1", 2)
    assert begun <= older.oldest <= older.newest <= newest.oldest
    sample = store.sample("m2")
    assert sample is not None
    assert sample.master == "m2"
    assert store.sample("m3") is None


def test_rotation_wraps_every_key_anew_and_keeps_the_keys(settings: Settings) -> None:
    """Data keys stay the same, so no data has to be written again."""
    old = ring(settings)
    assert old
    store = keys.opened(settings)
    subjects = [number.to_bytes(2, "big") for number in range(1200)]
    before = store.obtain(subjects, lambda key: (old.wrap(key), old.present.id))
    new = master_key()
    both = Settings(
        home=settings.home, keys=settings.keys, master_key=Secret(f"{new} {settings.master_key}")
    )
    steps: list[int] = []
    assert rotation.rotate(both, steps.append) == 1200
    assert steps == [500, 500, 200]
    assert rotation.rotate(both) == 0
    alone = ring(Settings(master_key=new))
    assert alone
    after = store.obtain(subjects, lambda _: pytest.fail("a key was lost"))
    store.close()
    for subject in subjects:
        assert after[subject].id == before[subject].id
        data_key = old.unwrap(before[subject].wrapped, before[subject].master)
        assert alone.unwrap(after[subject].wrapped, after[subject].master) == data_key


ROTATE = """
import os, signal, sys
from pathlib import Path
from interlock.journal.keys import rotation
from interlock.settings import Secret, Settings
home, keys, given = sys.argv[1:]
settings = Settings(home=Path(home), keys=keys or None, master_key=Secret(given))
rotation.rotate(settings, lambda done: os.kill(os.getpid(), signal.SIGKILL))
"""


def test_a_rotation_that_was_killed_goes_on(settings: Settings) -> None:
    """In between, both keys are needed and enough; at the end the new one alone."""
    old = ring(settings)
    assert old
    store = keys.opened(settings)
    subjects = [number.to_bytes(2, "big") for number in range(1200)]
    store.obtain(subjects, lambda key: (old.wrap(key), old.present.id))
    both = Secret(f"{master_key()} {settings.master_key}")
    arguments = [str(settings.home), settings.keys or "", both]
    done = subprocess.run([sys.executable, "-c", ROTATE, *arguments], check=False)
    assert done.returncode == -signal.SIGKILL
    assert sorted(holding.keys for holding in store.holdings()) == [500, 700]
    given = Settings(home=settings.home, keys=settings.keys, master_key=both)
    assert rotation.rotate(given) == 700
    (holding,) = store.holdings()
    store.close()
    masters = ring(given)
    assert masters
    assert (holding.master, holding.keys) == (masters.present.id, 1200)


def test_a_rotation_without_the_old_key_changes_nothing(settings: Settings) -> None:
    """The error names the key that is missing."""
    old = ring(settings)
    assert old
    store = keys.opened(settings)
    store.obtain([b"ann"], lambda key: (old.wrap(key), old.present.id))
    wrong = Settings(home=settings.home, keys=settings.keys, master_key=master_key())
    with pytest.raises(KeyStoreError, match=f"wrapped by master key {old.present.id}"):
        rotation.rotate(wrong)
    with pytest.raises(ConfigurationError, match="no master key is set"):
        rotation.rotate(Settings(home=settings.home, keys=settings.keys))
    (holding,) = store.holdings()
    store.close()
    assert holding.master == old.present.id


def test_nothing_of_an_erased_key_stays_in_the_files(tmp_path: Path) -> None:
    """Not in the file, not in its log of writes, however its pages were moved about before."""
    store = keys.opened(Settings(home=tmp_path))
    subjects = [os.urandom(16) for _ in range(6000)]
    kept = store.obtain(subjects, lambda key: (key + key[:8], "m1"))
    draw = random.Random(7)
    gone = draw.sample(subjects, 1500)
    for start in range(0, len(gone), 50):
        store.erase([gone[start]], gone[start + 1 : start + 50], 1)
    store.obtain([os.urandom(16) for _ in range(100)], wrap)
    store.shred()
    assert list(holding(tmp_path, *(kept[subject].wrapped for subject in gone))) == []
    assert list(holding(tmp_path, kept[next(iter(set(subjects) - set(gone)))].wrapped)) != []
    store.close()


def test_shredding_waits_for_whoever_reads(tmp_path: Path) -> None:
    """The log of writes can only be cut when nobody needs it."""
    store = keys.opened(Settings(home=tmp_path))
    kept = store.obtain([b"ann"], wrap)[b"ann"]
    with closing(sqlite3.connect(tmp_path / "keys" / "keys.db", check_same_thread=False)) as other:
        other.execute("BEGIN")
        other.execute("SELECT count(*) FROM interlock_keys").fetchall()
        store.erase([b"ann"], [], 1)
        with ThreadPoolExecutor(1) as pool:
            shredded = pool.submit(store.shred)
            time.sleep(0.3)
            assert not shredded.done()
            other.execute("COMMIT")
            shredded.result(timeout=10)
    assert list(holding(tmp_path, kept.wrapped)) == []
    store.close()


def test_the_files_are_for_their_owner_only(tmp_path: Path) -> None:
    """Also those that SQLite makes beside them."""
    store = keys.opened(Settings(home=tmp_path))
    store.obtain([b"ann"], wrap)
    files = list((tmp_path / "keys").iterdir())
    assert len(files) > 1
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    store.close()


def test_a_file_of_ones_own_choice(tmp_path: Path) -> None:
    """A SQLAlchemy URL, as everywhere."""
    store = keys.opened(Settings(home=tmp_path, keys=f"sqlite:///{tmp_path / 'a' / 'b.db'}"))
    store.obtain([b"ann"], wrap)
    store.close()
    assert (tmp_path / "a" / "b.db").exists()


def test_another_database_is_refused_by_name(tmp_path: Path) -> None:
    """Only what can forget is allowed."""
    with pytest.raises(ConfigurationError, match="mysql database; allowed: sqlite, postgresql"):
        keys.opened(Settings(home=tmp_path, keys="mysql://db/keys"))


def test_a_newer_store_is_refused(tmp_path: Path) -> None:
    """An older release might not see all that must be erased."""
    keys.opened(Settings(home=tmp_path)).generation()
    with closing(sqlite3.connect(tmp_path / "keys" / "keys.db")) as other:
        other.execute("UPDATE interlock_key_state SET value = 2 WHERE name = 'format'")
        other.commit()
    with pytest.raises(FormatError, match="format 2; this release knows formats up to 1"):
        keys.opened(Settings(home=tmp_path)).generation()


def test_a_store_that_is_away_is_named_without_its_password_and_left_alone() -> None:
    """Who answers requests does not wait for it again and again, and finds it when it is back."""
    pytest.importorskip("psycopg", reason="the driver for PostgreSQL is not installed")
    store = keys.opened(Settings(keys="postgresql+psycopg://ann:s3cret@127.0.0.1:1/keys"))
    with pytest.raises(KeyStoreError, match=r"ann:\*\*\*@127.0.0.1:1/keys cannot be used") as first:
        store.generation()
    assert "s3cret" not in str(first.value)
    begun = time.monotonic()
    for _ in range(1000):
        with pytest.raises(KeyStoreError, match="cannot be used"):
            store.generation()
    assert time.monotonic() - begun < 0.5


def test_a_store_that_comes_back_is_used_again(tmp_path: Path) -> None:
    """One error does not end it."""
    (tmp_path / "keys").write_text("a file where the directory should be")
    store = keys.opened(Settings(home=tmp_path))
    with pytest.raises(KeyStoreError, match=r"keys\.db cannot be used"):
        store.generation()
    (tmp_path / "keys").unlink()
    time.sleep(1.05)
    assert store.generation() == 0
    store.close()


OPEN = """
import sys
from pathlib import Path
from interlock.journal import keys
from interlock.settings import Settings
sys.stdin.readline()
store = keys.opened(Settings(home=Path(sys.argv[1])))
print(store.obtain([b"ann"], lambda key: (key, "m1"))[b"ann"].id.hex())
"""


def test_processes_that_start_together_make_one_store(tmp_path: Path) -> None:
    """None of the workers of a new server is turned away."""
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", OPEN, str(tmp_path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(6)
    ]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    said = [process.communicate(timeout=30)[0].strip() for process in processes]
    assert [process.returncode for process in processes] == [0] * 6
    assert len(set(said)) == 1
    assert len(said[0]) == 32


def test_opening_a_file_again_leaves_the_locks_on_it(tmp_path: Path) -> None:
    """Closing a second descriptor of it would drop SQLite's own: the file would be damaged."""
    path = tmp_path / "some.db"
    private.file(path)
    with path.open("r+b") as held:
        fcntl.lockf(held, fcntl.LOCK_EX)
        private.file(path)
        code = (
            f"import fcntl; fcntl.lockf(open({str(path)!r}, 'r+b'), fcntl.LOCK_EX | fcntl.LOCK_NB)"
        )
        tried = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert b"BlockingIOError" in tried.stderr
