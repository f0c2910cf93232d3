"""The ways to a prediction that do not look at all of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from interlock.state import database, schema
from interlock.state.tables import LABELS, PREDICTIONS

P, L = PREDICTIONS.c, LABELS.c
BY_LABEL = sa.select(P.id).where(P.key == L.key, P.moment <= L.at).correlate(LABELS)


@pytest.fixture
def connection(database_url: str) -> Iterator[sa.Connection]:
    """A database of each kind with our tables, told to look at whole tables only if it must."""
    engine = database.engine(database_url)
    schema.ensure(engine)
    with engine.connect() as connection:
        if engine.dialect.name == "postgresql":
            connection.exec_driver_sql("SET enable_seqscan = off")
        yield connection
    engine.dispose()


@pytest.mark.parametrize(
    ("query", "index"),
    [
        (sa.select(P.id).where(P.key == b"k", P.moment <= 7), "key"),
        (sa.select(L.id, BY_LABEL.scalar_subquery()), "key"),
        (sa.select(P.id).where(P.subject == b"s"), "subject"),
        (sa.delete(PREDICTIONS).where(P.subject == b"s"), "subject"),
        (sa.select(P.id).where(P.primary_id == "p"), "primary"),
    ],
)
def test_what_few_predictions_have_is_found_by_an_index_of_those(
    connection: sa.Connection, query: sa.Select[tuple[str]] | sa.Delete, index: str
) -> None:
    """The database sees that who asks for a key does not ask for those without one."""
    assert f"interlock_predictions_{index}" in plan(connection, query)


def test_a_prediction_without_them_is_in_none(connection: sa.Connection) -> None:
    """That is what makes it cheap: each index says whom it leaves out."""
    found = {
        str(one["name"]): one for one in sa.inspect(connection).get_indexes("interlock_predictions")
    }
    for name in ("key", "subject", "primary"):
        told = found[f"interlock_predictions_{name}"]["dialect_options"]
        assert "IS NOT NULL" in str(told[f"{connection.dialect.name}_where"])


def plan(connection: sa.Connection, query: sa.Select[tuple[str]] | sa.Delete) -> str:
    """How the database would answer."""
    compiled = query.compile(connection, compile_kwargs={"literal_binds": False})
    lite = connection.dialect.name == "sqlite"
    explain = f"EXPLAIN {'QUERY PLAN ' if lite else ''}{compiled}"
    given = compiled.positiontup
    values = compiled.params
    bound = tuple(values[key] for key in given) if given else values
    return "\n".join(str(row) for row in connection.exec_driver_sql(explain, bound))
