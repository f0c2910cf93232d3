from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from interlock.errors import DatabaseError, SchemaError
from interlock.state import database, schema
from interlock.state.tables import META, ROLLOUTS


@pytest.fixture
def engine(database_url: str) -> Iterator[sa.Engine]:
    """An empty database of each kind."""
    engine = database.engine(database_url)
    yield engine
    engine.dispose()


def upgrade(engine: sa.Engine, revision: str) -> None:
    """Bring the tables to one revision, as a release of that time would have."""
    config = schema._config()
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


def stamp(engine: sa.Engine, revision: str) -> None:
    """Say that the tables are of another revision."""
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE interlock_schema SET version_num = :r"), {"r": revision})


def columns(engine: sa.Engine, table: str) -> set[str]:
    """Names of the columns that are there."""
    return {column["name"] for column in sa.inspect(engine).get_columns(table)}


def test_an_empty_database_gets_the_tables_once(engine: sa.Engine) -> None:
    """The first server makes them, the next ones find them, and they are what the code expects."""
    assert schema.standing(engine).state == "empty"
    schema.ensure(engine)
    schema.ensure(engine)
    assert schema.standing(engine).state == "current"
    assert schema.migrate(engine).state == "current"
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": schema.VERSIONS})
        assert compare_metadata(context, META) == []


def test_tables_of_an_older_release_are_refused_until_they_are_migrated(engine: sa.Engine) -> None:
    """Nothing happens to data before somebody had a chance to make a backup; then it is kept."""
    upgrade(engine, "0001")
    with engine.begin() as connection:
        connection.execute(sa.text("INSERT INTO interlock_cursors VALUES ('j', 's', 7)"))
    with pytest.raises(SchemaError, match=r"revision 0001.*run `interlock database migrate`"):
        schema.ensure(engine)
    before = schema.migrate(engine)
    assert (before.database, before.state) == ("0001", "older")
    schema.ensure(engine)
    with engine.connect() as connection:
        assert connection.scalar(sa.text("SELECT position FROM interlock_cursors")) == 7


def test_rollouts_of_an_older_release_keep_their_order(engine: sa.Engine) -> None:
    """They are numbered by deployment, as they began."""
    upgrade(engine, "0003")
    kept = [column for column in ROLLOUTS.columns if column.name != "number"]
    with engine.begin() as connection:
        for id_, name, moment in (("c", "ecg", 1), ("b", "stay", 2), ("a", "ecg", 3)):
            row: dict[str, object] = {
                column.name: "x" for column in kept if isinstance(column.type, sa.Text)
            }
            times = {"since": moment, "started": moment, "ended": 9, "watermark": moment}
            row |= {"id": id_, "deployment": name, "step": 0, "revision": 1, **times}
            connection.execute(sa.table("interlock_rollouts", *map(sa.column, row)).insert(), row)
    schema.migrate(engine)
    with engine.connect() as connection:
        found = connection.execute(sa.select(ROLLOUTS.c.id, ROLLOUTS.c.number)).all()
    assert dict(map(tuple, found)) == {"c": 1, "a": 2, "b": 1}


def test_tables_of_a_newer_release_are_refused(engine: sa.Engine) -> None:
    """An old release does not write where it cannot know what it breaks."""
    schema.ensure(engine)
    stamp(engine, "9999")
    assert schema.standing(engine).state == "newer"
    for work in (schema.ensure, schema.migrate):
        with pytest.raises(SchemaError, match="revision 9999, which a newer release made"):
            work(engine)


def test_tables_of_nobody_are_refused(engine: sa.Engine) -> None:
    """Tables with our names and no revision are not guessed at."""
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE interlock_labels (x INTEGER)")
    with pytest.raises(SchemaError, match="has interlock_labels but no table interlock_schema"):
        schema.ensure(engine)


def test_a_migration_that_fails_changes_nothing(engine: sa.Engine) -> None:
    """What stands in its way is named, and the tables are what they were."""
    upgrade(engine, "0001")
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE interlock_routes (x INTEGER)")
    before = columns(engine, "interlock_predictions")
    with pytest.raises(DatabaseError, match="interlock_routes"):
        schema.migrate(engine)
    assert columns(engine, "interlock_predictions") == before
    assert schema.standing(engine).database == "0001"


def test_servers_that_start_at_once_make_the_tables_once(engine: sa.Engine) -> None:
    """All find them ready; none fails because another was at it."""
    troubles: list[BaseException] = []

    def ensure() -> None:
        try:
            schema.ensure(engine)
        except BaseException as error:  # noqa: BLE001 - told to the main thread
            troubles.append(error)

    threads = [threading.Thread(target=ensure) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert troubles == []
    assert schema.standing(engine).state == "current"


def test_a_neighbour_keeps_its_own_revision(engine: sa.Engine) -> None:
    """MLflow's tables may be in the same database, and its Alembic counts by itself."""
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE alembic_version (version_num VARCHAR(32))")
        connection.exec_driver_sql("INSERT INTO alembic_version VALUES ('mlflow')")
    schema.ensure(engine)
    with engine.connect() as connection:
        found = connection.scalar(sa.text("SELECT version_num FROM alembic_version"))
    assert found == "mlflow"
