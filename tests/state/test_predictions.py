from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from interlock.journal.sinks.sql import SqlSink
from interlock.state import database, predictions
from interlock.state.predictions import Wanted
from tests.journal.spooled import NOON, answer, failure, name


@pytest.fixture
def connection(database_url: str) -> Iterator[sa.Connection]:
    """A database with four predictions and two failures, a microsecond after each other."""
    sink = SqlSink(database_url, "journal")
    sink.cursors()
    said = [
        answer(1, moment=NOON, key=b"k" * 16),
        answer(2, moment=NOON + 1, version="2.0.0"),
        answer(3, moment=NOON + 2, deployment="malaria"),
        answer(4, moment=NOON + 3, key=b"k" * 16),
    ]
    sink.write("segment", [*said, failure(5), failure(6, moment=NOON + 9, deployment="malaria")], 1)
    sink.close()
    engine = database.engine(database_url)
    with engine.connect() as connection:
        yield connection
    engine.dispose()


@pytest.mark.parametrize(
    ("wanted", "numbers"),
    [
        (Wanted(), [1, 2, 3, 4]),
        (Wanted(deployment="ecg"), [1, 2, 4]),
        (Wanted(deployment="ecg", version="1.0.0"), [1, 4]),
        (Wanted(since=NOON + 1, until=NOON + 3), [2, 3]),
        (Wanted(key=b"k" * 16), [1, 4]),
        (Wanted(subject=b"s" * 16), []),
        (Wanted(ids=(name(2), name(9))), [2]),
        (Wanted(ids=()), []),
    ],
)
def test_what_is_wanted_is_found_in_the_order_of_time(
    connection: sa.Connection, wanted: Wanted, numbers: list[int]
) -> None:
    """Everything that is given has to fit; the beginning is included, the end is not."""
    found = [row.id for row in predictions.oldest_first(connection, wanted)]
    assert found == [name(number) for number in numbers]
    assert predictions.count(connection, wanted) == len(numbers)
    assert [row.id for row in predictions.newest(connection, wanted, 2)] == found[-2:]


def test_failures_are_found_by_deployment_and_time(connection: sa.Connection) -> None:
    """The last ones, the oldest of them first."""

    def found(deployment: str | None, since: int | None, limit: int = 9) -> list[str]:
        rows = predictions.failures(connection, deployment, since, limit)
        return [row.id for row in rows]

    assert found(None, None) == [name(5), name(6)]
    assert found("ecg", None) == [name(5)]
    assert found(None, NOON + 1) == [name(6)]
    assert found(None, None, 1) == [name(6)]
