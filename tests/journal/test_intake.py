"""Labels from files and queries: what is in is not put in again, what cannot be right is named."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from interlock.errors import ConfigurationError, DatabaseError
from interlock.journal import intake, labels, seal, sources
from interlock.journal.intake import Intake, Taken
from interlock.journal.labels import Given
from interlock.journal.sources import Found
from interlock.state import labels as table
from interlock.state.tables import LABELS, PREDICTIONS
from tests import databases

from .privacy import holding, sealing
from .truths import DAYS, Kept

ID = "01a1fde6-1134-7512-b0aa-42533d7f090b"
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def taker(kept: Kept) -> Iterator[Intake]:
    """Puts labels into the database of `kept`."""
    found = Intake(kept.engine, kept.settings)
    yield found
    found.close()


def found(*given: dict[str, Any]) -> Sequence[Found]:
    """Labels as they come out of a file."""
    return [Found(f"row {number}", sources.read(row)) for number, row in enumerate(given, 1)]


def stored(kept: Kept) -> list[Any]:
    """The labels in the database, in the order of their arrival."""
    return [labels.value(row.value) for row in kept.rows(LABELS)]


def test_csv_json_lines_and_parquet_say_the_same(tmp_path: Path) -> None:
    """Empty cells are absent, and a moment without an offset is UTC."""
    csv, lines, parquet = (tmp_path / f"labels.{kind}" for kind in ("csv", "jsonl", "parquet"))
    csv.write_text(
        f"\ufefflabel,prediction_id,key,time,source\nyes,{ID},,,ann\nno,,bed 7,2026-03-01 12:00,\n",
        encoding="utf-8",
    )
    rows = [
        {"label": "yes", "prediction_id": ID, "source": "ann"},
        {"label": "no", "key": "bed 7", "time": "2026-03-01T13:00+01:00"},
    ]
    lines.write_text("\n".join(map(json.dumps, rows)) + "\n\n")
    typed: list[dict[str, Any]] = [{**rows[0]}, {**rows[1], "time": NOON}]
    columns = ("label", "prediction_id", "key", "time", "source")
    pq.write_table(pa.table({name: [row.get(name) for row in typed] for name in columns}), parquet)
    expected = [
        Given(label="yes", prediction_id=ID, source="ann"),
        Given(label="no", key="bed 7", time=NOON),
    ]
    for path in (csv, lines, parquet):
        read = list(sources.from_file(path))
        assert [one.given for one in read] == expected, path
        assert [one.where for one in read] == [f"{path}, row 1", f"{path}, row 2"]


def test_a_query_is_a_source(tmp_path: Path) -> None:
    """The truth is often in somebody's database already."""
    path = tmp_path / "ward.db"
    with sqlite3.connect(path) as ward:
        ward.execute("CREATE TABLE stays (bed INTEGER, until TEXT, days REAL)")
        ward.execute("INSERT INTO stays VALUES (7, '2026-03-01 12:00:00', 2.5)")
    ward.close()
    query = "SELECT bed AS key, until AS time, days AS label FROM stays"
    (one,) = sources.from_query(f"sqlite:///{path}", query)
    assert one.given == Given(label=2.5, key="7", time=NOON)
    with pytest.raises(DatabaseError):
        list(sources.from_query(f"sqlite:///{path}", "SELECT * FROM wards"))
    said = "SELECT bed AS key, until AS time, 'a :b and 50%' AS label FROM stays"
    (one,) = sources.from_query(f"sqlite:///{path}", said)
    assert one.given.label == "a :b and 50%"


def test_a_query_that_answers_no_rows_changes_nothing(tmp_path: Path) -> None:
    """It is no source, and whatever it did is taken back."""
    path = tmp_path / "ward.db"
    with sqlite3.connect(path) as ward:
        ward.execute("CREATE TABLE stays (bed INTEGER)")
        ward.execute("INSERT INTO stays VALUES (7)")
    with pytest.raises(ConfigurationError, match="answers no rows"):
        list(sources.from_query(f"sqlite:///{path}", "DELETE FROM stays"))
    assert ward.execute("SELECT * FROM stays").fetchall() == [(7,)]
    ward.close()


@pytest.mark.skipif("INTERLOCK_TEST_POSTGRES" not in os.environ, reason="no PostgreSQL is named")
def test_a_query_may_answer_what_postgresql_has(tmp_path: Path) -> None:
    """Ids as uuid, keys and labels as numeric, moments with an offset."""
    with databases.fresh("postgresql", tmp_path) as url:
        by_id = f"SELECT '{ID}'::uuid AS prediction_id, 2.5::numeric AS label"
        (one,) = sources.from_query(url, by_id)
        assert one.given == Given(label=2.5, prediction_id=ID)
        by_key = (
            "SELECT 7::numeric AS key, '2026-03-01 12:00Z'::timestamptz AS time, 'a:b' AS label"
        )
        (one,) = sources.from_query(url, by_key)
        assert one.given == Given(label="a:b", key="7", time=NOON)


def test_parquet_of_pandas_is_read(tmp_path: Path) -> None:
    """Its times are in nanoseconds, which Python does not have."""
    path = tmp_path / "labels.parquet"
    time = pd.to_datetime([NOON, NOON + timedelta(microseconds=1)]).as_unit("ns")
    frame = pd.DataFrame({"key": ["bed 7", "bed 8"], "time": time, "label": ["yes", "no"]})
    frame.to_parquet(path)
    assert pq.read_schema(path).field("time").type == pa.timestamp("ns", "UTC")
    assert [one.given.time for one in sources.from_file(path)] == list(frame["time"])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("label,prediction_id\nyes,7\n", "row 1: prediction_id is none"),
        (f"label,prediction_id\nyes,{ID}\n,{ID}\n", "row 2: Object missing required field `label`"),
        (f"label,prediction_id,colour\nyes,{ID},red\n", "no label has a column colour"),
        ("label,key,time\nyes,bed 7,noon\n", "row 1: Invalid isoformat string: 'noon'"),
        ("label,key,time\nyes,bed 7,2999-01-01\n", "row 1: the time of a label cannot lie ahead"),
        (f"label,prediction_id\nyes,{ID},more\n", "row 1: no label has a column ;"),
    ],
)
def test_a_row_that_is_no_label_is_named(tmp_path: Path, text: str, words: str) -> None:
    """A file of ten thousand rows is not searched by hand."""
    path = tmp_path / "labels.csv"
    path.write_text(text)
    with pytest.raises(ConfigurationError) as caught:
        list(sources.from_file(path))
    assert words in str(caught.value)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("labels.csv", None),
        ("labels.csv", b"label,prediction_id\n\xff,\n"),
        ("labels.csv", b"label,prediction_id,label\nyes,x,no\n"),
        ("labels.jsonl", b"{]\n"),
        ("labels.jsonl", b'{"label": ' + b"[" * 100_000 + b"\n"),
        ("labels.jsonl", b'{"label": 9223372036854775808, "prediction_id": "%s"}' % ID.encode()),
        ("labels.parquet", b"PAR1"),
        ("labels.xlsx", b""),
    ],
)
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, name: str, data: bytes | None) -> None:
    """Absent, damaged, or of a kind that is not read."""
    path = tmp_path / name
    if data is not None:
        path.write_bytes(data)
    with pytest.raises(ConfigurationError, match=str(path)):
        list(sources.from_file(path))


def test_what_is_known_already_changes_nothing(kept: Kept, taker: Intake) -> None:
    """A file may be read twice; a correction, and one that takes it back, count."""
    (id_,) = kept.predict(0)
    for label in ("yes", "yes", "no", "yes"):
        taker.put(found({"label": label, "prediction_id": id_}))
    for _ in range(2):
        taker.put(found({"label": "yes", "prediction_id": id_, "source": "ann"}))
    assert stored(kept) == ["yes", "no", "yes", "yes"]
    assert taker.taken == Taken(added=4, unchanged=2, waiting=0)


def test_one_file_may_hold_a_label_and_its_correction(kept: Kept, taker: Intake) -> None:
    """Rows count in their order."""
    (id_,) = kept.predict(0)
    rows = [{"label": label, "prediction_id": id_} for label in ("yes", "no", "no", "yes")]
    taker.put(found(*rows))
    with kept.engine.connect() as connection:
        (now,) = table.current(connection, [id_]).values()
    assert stored(kept) == ["yes", "no", "yes"]
    assert labels.value(now.value) == "yes"


def test_labels_without_a_prediction_wait(kept: Kept, taker: Intake) -> None:
    """They are in, and counted; saying the same again adds none, saying otherwise does."""
    rows = [
        {"label": "yes", "prediction_id": ID},
        {"label": "yes", "key": "bed 7", "time": "2026-03-01"},
    ]
    for _ in range(2):
        taker.put(found(*rows))
    assert taker.taken == Taken(added=2, unchanged=2, waiting=2)
    taker.put(found({**rows[1], "label": "no"}, {**rows[1], "deployment": "ecg"}))
    taker.put(found({**rows[1], "label": "no"}, {**rows[1], "source": "ann"}))
    assert stored(kept) == ["yes", "yes", "no", "yes", "yes"]
    assert {row.resolved for row in kept.rows(LABELS)} == {None}


def test_a_label_by_key_finds_its_prediction_at_once(kept: Kept, taker: Intake) -> None:
    """Where the prediction is here, nothing has to wait for the shipper."""
    (id_,) = kept.predict(0, key="bed 7")
    row = {"label": "yes", "key": "bed 7", "time": "2026-03-01T00:01:00Z"}
    taker.put(found(row))
    taker.put(found(row))
    (kept_row,) = kept.rows(LABELS)
    assert (kept_row.prediction, kept_row.key) == (id_, kept.hashed("bed 7"))
    assert kept_row.resolved is not None
    assert taker.taken == Taken(added=1, unchanged=1)


def test_text_becomes_what_the_answer_was(kept: Kept, taker: Intake) -> None:
    """A CSV has but text, and the answer was a number."""
    (id_,) = kept.predict(0, {"value": 2.0}, signature=DAYS)
    taker.put(found({"label": "3", "prediction_id": id_}))
    assert stored(kept) == [3.0]
    assert isinstance(stored(kept)[0], float)


def test_a_label_that_cannot_be_right_is_refused_by_its_row(kept: Kept, taker: Intake) -> None:
    """The answer on record says what could be right."""
    (id_,) = kept.predict(0)
    with pytest.raises(ConfigurationError) as caught:
        taker.put(
            found({"label": "yes", "prediction_id": id_}, {"label": "maybe", "prediction_id": id_})
        )
    assert str(caught.value) == (
        "row 2: the label is none of the model's; expected one of 'no', 'yes', got \"maybe\""
    )
    assert stored(kept) == []


def test_more_rows_than_go_together_all_arrive(
    kept: Kept, taker: Intake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Chunks are a matter of memory only."""
    monkeypatch.setattr(intake, "_TOGETHER", 3)
    ids = kept.predict(0, *[{"value": 1.0}] * 8, signature=DAYS)
    taker.put(found(*({"label": n, "prediction_id": id_} for n, id_ in enumerate(ids))))
    assert stored(kept) == [float(number) for number in range(8)]


def test_labels_are_sealed_where_payloads_are(tmp_path: Path) -> None:
    """For whom the prediction is about, or each for itself as long as that is not known."""
    kept = Kept(sealing(tmp_path / "home"))
    (id_,) = kept.predict(0, subject="ann")
    taker = Intake(kept.engine, kept.settings)
    for label, about in (("yes", id_), ("a long truth", ID), ("another one", ID), ("yes", id_)):
        taker.put(found({"label": label, "prediction_id": about}))
    opener = seal.opener(kept.settings)
    rows = kept.rows(LABELS)
    opened = [opener.open(row.seal, row.id, row.value) for row in rows]
    said = [labels.value(one) for one in opened if one is not None]
    assert said == ["yes", "a long truth", "another one"]
    assert taker.taken == Taken(added=3, unchanged=1, waiting=2)
    (answered,) = kept.rows(PREDICTIONS)
    assert rows[0].seal == answered.seal
    assert len({row.seal for row in rows}) == 3
    for one in (taker, opener, kept):
        one.close()
    assert list(holding(tmp_path, b"a long truth", b"another one")) == []


def test_a_correction_comes_after_a_label_whose_clock_was_ahead(kept: Kept, taker: Intake) -> None:
    """What a person adds is meant to hold, whatever moment the label before it bears."""
    (id_,) = kept.predict(0)
    kept.say("yes", prediction_id=id_, received=1e9)  # thirty years ahead
    taker.put(found({"prediction_id": id_, "label": "no"}))
    with kept.engine.connect() as connection:
        held = table.current(connection, [id_])
    assert labels.value(held[id_].value) == "no"
