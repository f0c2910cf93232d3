"""Labels from files and queries: what is in is not put in again, what cannot be right is named."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from interlock.errors import ConfigurationError, DatabaseError
from interlock.journal import intake, labels, seal
from interlock.journal.intake import Found, Intake, Taken
from interlock.journal.labels import Given
from interlock.state import labels as table
from interlock.state.tables import LABELS, PREDICTIONS

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
    return [Found(f"row {number}", intake.read(row)) for number, row in enumerate(given, 1)]


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
        read = list(intake.from_file(path))
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
    (one,) = intake.from_query(f"sqlite:///{path}", query)
    assert one.given == Given(label=2.5, key="7", time=NOON)
    with pytest.raises(DatabaseError):
        list(intake.from_query(f"sqlite:///{path}", "SELECT * FROM wards"))


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
        list(intake.from_file(path))
    assert words in str(caught.value)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("labels.csv", None),
        ("labels.csv", b"label,prediction_id\n\xff,\n"),
        ("labels.jsonl", b"{]\n"),
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
        list(intake.from_file(path))


def test_what_is_known_already_changes_nothing(kept: Kept, taker: Intake) -> None:
    """A file may be read twice; a correction, and one that takes it back, count."""
    (id_,) = kept.predict(0)
    for label in ("yes", "yes", "no", "yes"):
        taker.put(found({"label": label, "prediction_id": id_}))
    assert stored(kept) == ["yes", "no", "yes"]
    assert taker.taken == Taken(added=3, unchanged=1, waiting=0)


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
    """They are in, and counted; naming the same again adds none where the id is named."""
    rows = [
        {"label": "yes", "prediction_id": ID},
        {"label": "yes", "key": "bed 7", "time": "2026-03-01"},
    ]
    taker.put(found(*rows))
    taker.put(found(rows[0]))
    assert taker.taken == Taken(added=2, unchanged=1, waiting=2)
    assert [row.resolved for row in kept.rows(LABELS)] == [None, None]


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
