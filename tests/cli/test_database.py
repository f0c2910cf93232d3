from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command

from interlock.cli import main
from interlock.settings import read
from interlock.state import database, schema

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command of `interlock` in a home of its own: exit code, output, standard error."""
    monkeypatch.setenv("INTERLOCK_HOME", str(tmp_path))

    def call(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as stopped:
            main(list(arguments))
        out, err = capsys.readouterr()
        return int(stopped.value.code or 0), out, err

    return call


def older() -> None:
    """Make the tables of the first release."""
    engine = database.connect(read())
    config = schema._config()
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
    engine.dispose()


def test_a_new_database_has_no_tables_and_status_makes_none(run: Run) -> None:
    """Looking changes nothing."""
    for _ in range(2):
        assert "has no tables yet" in run("database", "status")[1]
    assert json.loads(run("database", "status", "--json")[1])["state"] == "empty"


def test_older_tables_are_migrated_by_command_and_audited(run: Run) -> None:
    """Until then every command refuses, and says which one to run."""
    older()
    code, _, err = run("journal", "tail")
    assert (code, "run `interlock database migrate`" in err) == (3, True)
    assert "make a backup" in run("database", "status")[1]
    assert "is at this release now" in run("database", "migrate")[1]
    assert "was at this release already" in run("database", "migrate")[1]
    assert run("journal", "tail")[0] == 0
    (said,) = json.loads(run("audit", "list", "--json")[1])
    assert said["act"] == "database migrate"
    assert said["details"]["before"] == "0001"


def test_newer_tables_are_left_alone(run: Run) -> None:
    """Every command says that a newer release has made them."""
    run("database", "migrate")
    engine = database.connect(read())
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE interlock_schema SET version_num = '9999'"))
    engine.dispose()
    assert "use that one" in run("database", "status")[1]
    for arguments in (
        ("database", "migrate"),
        ("journal", "tail"),
        ("journal", "prune", "--keep", "9"),
    ):
        code, _, err = run(*arguments)
        assert (code, "9999, which a newer release made" in err) == (3, True)
