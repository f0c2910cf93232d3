"""Traffic in SQL: counted by interval, the same whenever it is asked."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa

from interlock.state import database, schema, traffic
from interlock.state.tables import FAILURES, LABELS, PREDICTIONS
from interlock.state.traffic import Stretch
from tests import databases

ALL = Stretch(
    deployment="ecg",
    origin=1000,
    interval=100,
    maturity=50,
    since=1000,
    until=1300,
    arms=("champion", "canary", "shadow"),
)


class Book:
    """Writes rows."""

    def __init__(self, engine: sa.Engine) -> None:
        self.engine = engine
        self._number = 0

    def _add(self, table: sa.Table, **row: Any) -> str:
        self._number += 1
        name = f"{self._number:06d}"
        with self.engine.begin() as connection:
            connection.execute(sa.insert(table), {"id": name, **row})
        return name

    def answer(self, moment: int, arm: str = "champion", **row: Any) -> str:
        usual = {
            "deployment": "ecg",
            "version": "1.0.0" if arm == "champion" else "1.1.0",
            "door": "plain",
            "latency": 0.001,
            "label": "normal",
            "payload": b"p",
        }
        return self._add(PREDICTIONS, moment=moment, arm=arm, **(usual | row))

    def fail(self, moment: int, arm: str | None, status: int = 500) -> None:
        row = {"deployment": "ecg", "door": "plain", "code": "x", "latency": 0.1}
        self._add(FAILURES, moment=moment, arm=arm, version="1.1.0", status=status, **row)

    def label(self, prediction: str, received: int, value: bytes = b"t") -> None:
        row = {"prediction": prediction, "received": received, "value": value, "source": ""}
        self._add(LABELS, **row)


@pytest.fixture(params=["sqlite", "postgresql"])
def book(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Book]:
    """An empty journal in a database of each kind."""
    with databases.fresh(request.param, tmp_path) as url:
        engine = database.engine(url)
        schema.ensure(engine)
        yield Book(engine)
        engine.dispose()


def within(since: int, until: int) -> Stretch:
    return msgspec.structs.replace(ALL, since=since, until=until)


def test_requests_are_counted_by_interval_and_arm(book: Book) -> None:
    """Rows answered together are one request; what took longer than the limit is told apart."""
    for _ in range(3):
        book.answer(1010)
    book.answer(1011)
    book.answer(1099, "canary", latency=0.2)
    book.answer(1100, "canary")
    book.answer(999)
    book.answer(1300)
    book.answer(1010, deployment="stay")
    book.answer(1010, "forced")
    with book.engine.connect() as connection:
        found = [tuple(row) for row in traffic.requests(connection, ALL, 0.1)]
    assert found == [
        (1000, "canary", "1.1.0", 1, 1),
        (1000, "champion", "1.0.0", 0, 2),
        (1100, "canary", "1.1.0", 0, 1),
    ]


def test_failures_and_refusals_by_a_model_are_told_apart(book: Book) -> None:
    """What is wrong with a request itself, and what failed before an arm was chosen, is neither."""
    book.fail(1010, "canary")
    book.fail(1010, "canary", 503)
    for status in (400, 404, 405, 413, 415, 422, 431):
        book.fail(1010, "canary", status)
    book.fail(1010, None)
    book.fail(1010, None, 400)
    with book.engine.connect() as connection:
        found = [tuple(row) for row in traffic.failures(connection, ALL)]
    assert found == [(1000, "canary", "1.1.0", 0, 2), (1000, "canary", "1.1.0", 1, 2)]


def test_answers_count_once_a_request_or_once_a_key(book: Book) -> None:
    """A key counts where it first came, on whichever arm; what is sealed is left out."""
    book.answer(1010, key=b"a")
    book.answer(1010, key=b"a", label="other")
    book.answer(1120, "canary", key=b"a", label="other")
    book.answer(1130, "canary", key=b"b", label="other")
    book.answer(1140, "canary", key=b"c", label=None)
    with book.engine.connect() as connection:
        by_row = traffic.answers(connection, ALL, "row", ())
        by_key = traffic.answers(connection, ALL, "key", ())
        later = traffic.answers(connection, within(1100, 1300), "key", ())
    assert by_row == [
        (1000, "champion", "1.0.0", "normal", None, 1),
        (1100, "canary", "1.1.0", "other", None, 2),
    ]
    assert by_key == [
        (1000, "champion", "1.0.0", "normal", None, 1),
        (1100, "canary", "1.1.0", "other", None, 1),
    ]
    assert later == by_key[1:], "a look in two parts finds what one look finds"


def test_numbers_are_counted_by_quarters(book: Book) -> None:
    """Edges belong to the quarter below them."""
    for score in (1.0, 2.0, 2.5, 9.0):
        book.answer(1010 + int(10 * score), label=None, score=score)
    book.answer(1050, label=None)
    with book.engine.connect() as connection:
        found = traffic.answers(connection, ALL, "row", (1.0, 2.0, 3.0))
    assert [(row.cell, row.number) for row in found] == [("0", 1), ("1", 1), ("2", 1), ("3", 1)]


def test_a_shadows_answers_are_paired_with_what_the_caller_got(book: Book) -> None:
    """By the id of the caller's row."""
    for moment, label in ((1010, "normal"), (1011, "other"), (1012, "other")):
        primary = book.answer(moment)
        book.answer(moment, "shadow", label=label, primary_id=primary)
    book.answer(1050, "shadow", primary_id="not shipped yet")
    with book.engine.connect() as connection:
        found = [row[2:] for row in traffic.pairs(connection, ALL, "row", ())]
    assert found == [("1.1.0", "normal", "normal", 1), ("1.1.0", "other", "normal", 2)]


def test_labels_count_until_their_window_closes(book: Book) -> None:
    """The last one that came in time is the truth: 50 after the end of the interval, no later."""
    on_time = book.answer(1010)
    book.label(on_time, 1020, b"first")
    book.label(on_time, 1150, b"corrected")
    book.label(on_time, 1151, b"too late")
    late = book.answer(1099)
    book.label(late, 1151)
    book.answer(1020)
    with book.engine.connect() as connection:
        found = list(traffic.labelled(connection, ALL, "row"))
    assert [(row.start, row.id, row.truth_value) for row in found] == [
        (1000, on_time, b"corrected")
    ]


def test_a_shadows_row_has_the_callers_label(book: Book) -> None:
    """Labels name the row that the caller got."""
    primary = book.answer(1010, payload=b"old")
    shadow = book.answer(1010, "shadow", payload=b"new", primary_id=primary)
    book.label(primary, 1020)
    with book.engine.connect() as connection:
        found = {row.id: row for row in traffic.labelled(connection, ALL, "row")}
    assert found[shadow].payload == b"new"
    assert found[shadow].other_payload == b"old"
    assert found[primary].other_id is None
    assert found[shadow].truth_id == found[primary].truth_id


def test_keys_that_had_a_labelled_row_before_are_left_out(book: Book) -> None:
    """Whoever came before, though unlabelled in time, still counts when labelled."""
    for key, received in ((b"seen", 1020), (b"late", 2000)):
        book.label(book.answer(1010, key=key), received)
        book.label(book.answer(1110, "canary", key=key), 1120)
    book.label(book.answer(1110, "canary"), 1120)
    with book.engine.connect() as connection:
        found = list(traffic.labelled(connection, within(1100, 1300), "key"))
    assert [row.key for row in found] == [b"late"]


def test_a_stretch_reaches_as_far_as_so_many_rows(book: Book) -> None:
    """Whole intervals only, and one at least, however many rows it has."""
    for moment in (1010, 1020, 1110, 1210):
        book.answer(moment)
    book.answer(1111, "forced")
    with book.engine.connect() as connection:
        found = [traffic.reaches(connection, ALL, rows) for rows in (1, 2, 3, 4, 5)]
        later = traffic.reaches(connection, within(1100, 1300), 1)
    assert found == [1100, 1100, 1200, 1300, 1300]
    assert later == 1200


def test_what_a_version_did_before_is_read_back(book: Book) -> None:
    """The newest rows first, and when it had answered how many."""
    for moment in (100, 300, 200):
        book.answer(moment, latency=moment / 1000)
    with book.engine.connect() as connection:
        found = traffic.before(connection, within(1000, 1000), "1.0.0", 2)
        assert [row.moment for row in found] == [300, 200]
        assert traffic.reached(connection, ALL, "1.0.0", 2) == 200
        assert traffic.reached(connection, ALL, "1.0.0", 4) is None
