"""What the database holds about one subject, found and deleted."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from uuid import uuid4

import pytest
import sqlalchemy as sa

from interlock.errors import DatabaseError
from interlock.state import database, schema, subjects
from interlock.state.subjects import Deleted
from interlock.state.tables import FAILURES, LABELS, PREDICTIONS

ANN, BOB = b"a" * 16, b"b" * 16
KEY = b"k" * 16


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[sa.Engine]:
    """A database of each kind, with tables for this test alone."""
    if request.param == "sqlite":
        made = database.engine(f"sqlite:///{tmp_path / 'x.db'}")
        schema.ensure(made)
        yield made
        made.dispose()
        return
    if "INTERLOCK_TEST_POSTGRES" not in os.environ:
        pytest.skip("INTERLOCK_TEST_POSTGRES is not set")
    import psycopg

    url = os.environ["INTERLOCK_TEST_POSTGRES"]
    name = f"subjects_{uuid4().hex[:12]}"
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {name}")
        made = database.engine(f"{url}?options=-csearch_path%3D{name}")
        schema.ensure(made)
        yield made
        made.dispose()
        connection.execute(f"DROP SCHEMA {name} CASCADE")


def fill(engine: sa.Engine) -> None:
    """Two predictions about Ann, one about Bob, one about nobody; labels and failures of all."""
    about = {"p1": ANN, "p2": ANN, "p3": BOB, "p4": None}
    predictions = [
        {
            "id": id_,
            "moment": 1,
            "deployment": "ward",
            "version": "1.0.0",
            "arm": "live",
            "door": "plain",
            "subject": subject,
            "key": KEY if subject == BOB else None,
            "latency": 0.1,
            "payload": b"text of " + id_.encode(),
            "seal": b"s" * 16 if id_ == "p2" else None,
        }
        for id_, subject in about.items()
    ]
    by_prediction = [
        {
            "id": f"l{id_}",
            "prediction": id_,
            "key": None,
            "value": b"v",
            "received": 1,
            "source": "",
        }
        for id_ in about
    ]
    by_key = [
        {"id": "lk", "prediction": None, "key": KEY, "value": b"v", "received": 1, "source": ""}
    ]
    failures = [
        {
            "id": id_,
            "moment": 1,
            "deployment": "ward",
            "door": "plain",
            "code": "x",
            "status": 400,
            "latency": 0.1,
            "key": key,
            "subject": subject,
            "body": body,
        }
        for id_, key, subject, body in (
            ("f1", KEY, None, b"body"),
            ("f2", None, ANN, None),
            ("f3", None, BOB, b"body"),
        )
    ]
    with engine.begin() as connection:
        connection.execute(sa.insert(PREDICTIONS), predictions)
        connection.execute(sa.insert(LABELS), [*by_prediction, *by_key])
        connection.execute(sa.insert(FAILURES), failures)


def ids(engine: sa.Engine, table: sa.Table) -> list[str]:
    with engine.connect() as connection:
        return sorted(connection.execute(sa.select(table.c.id)).scalars())


def test_only_what_is_about_the_subject_goes(engine: sa.Engine) -> None:
    """Its predictions, their labels, and labels and failures that name it by routing key."""
    fill(engine)
    gone = subjects.delete(engine, ANN, KEY)
    # In clear were p1, its label and that of p2, the label by key, and the body of f1.
    assert gone == Deleted(predictions=2, labels=3, failures=2, clear=5)
    assert ids(engine, PREDICTIONS) == ["p3", "p4"]
    assert ids(engine, LABELS) == ["lp3", "lp4"]
    assert ids(engine, FAILURES) == ["f3"]
    assert subjects.delete(engine, ANN, KEY) == Deleted(0, 0, 0, 0)


def test_labels_and_predictions_of_a_subject_are_found(engine: sa.Engine) -> None:
    """By more ids than one statement takes."""
    fill(engine)
    assert sorted(subjects.labels(engine, ANN, KEY)) == ["lk", "lp1", "lp2"]
    assert subjects.labels(engine, b"?" * 16, b"?" * 16) == []
    many = [f"x{number}" for number in range(1200)]
    assert subjects.predictions(engine, ANN, ["p1", *many, "p2", "p3"]) == {"p1", "p2"}
    assert subjects.predictions(engine, ANN, []) == set()


def test_scrubbing_leaves_a_database_that_works(engine: sa.Engine) -> None:
    """With and without writing all of it anew."""
    fill(engine)
    subjects.delete(engine, ANN, KEY)
    subjects.scrub(engine, rewrite=False)
    subjects.scrub(engine, rewrite=True)
    assert ids(engine, PREDICTIONS) == ["p3", "p4"]


@pytest.mark.parametrize("rewrite", [False, True])
def test_no_byte_of_what_went_stays_in_the_files(tmp_path: Path, *, rewrite: bool) -> None:
    """Not in the database, nor in its log of writes."""
    engine = database.engine(f"sqlite:///{tmp_path / 'x.db'}")
    schema.ensure(engine)
    fill(engine)
    subjects.delete(engine, ANN, KEY)
    subjects.scrub(engine, rewrite=rewrite)
    data = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    engine.dispose()
    assert b"text of p1" not in data
    assert b"text of p2" not in data
    assert b"text of p3" in data


def test_writing_anew_removes_what_others_left_between_rows(tmp_path: Path) -> None:
    """Rows about the subject that were deleted before, as too old, by whoever did not overwrite."""
    engine = database.engine(f"sqlite:///{tmp_path / 'x.db'}")
    schema.ensure(engine)
    fill(engine)
    with closing(sqlite3.connect(tmp_path / "x.db")) as connection:
        connection.execute("PRAGMA secure_delete = off")
        connection.execute("DELETE FROM interlock_predictions WHERE id = 'p1'")
        connection.commit()
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert b"text of p1" in (tmp_path / "x.db").read_bytes()
    subjects.scrub(engine, rewrite=True)
    assert b"text of p1" not in (tmp_path / "x.db").read_bytes()
    engine.dispose()


def test_scrubbing_waits_for_readers_and_says_so_when_they_stay(tmp_path: Path) -> None:
    """The log of writes cannot be cut under somebody who reads in it."""
    engine = database.engine(f"sqlite:///{tmp_path / 'x.db'}", patience=0.1)
    schema.ensure(engine)
    fill(engine)
    with closing(sqlite3.connect(tmp_path / "x.db", check_same_thread=False)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM interlock_predictions").fetchall()
        subjects.delete(engine, ANN, KEY)
        with pytest.raises(DatabaseError, match="still holds deleted rows"):
            subjects.scrub(engine, rewrite=False, patience=0.3)
        threading.Timer(0.3, reader.rollback).start()
        subjects.scrub(engine, rewrite=False, patience=20)
    assert b"text of p1" not in (tmp_path / "x.db").read_bytes()
    engine.dispose()
