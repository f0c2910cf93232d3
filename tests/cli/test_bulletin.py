"""The bulletin: what the follower writes for its server about rollouts."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa

from interlock.cli.bulletin import Bulletin
from interlock.errors import PathError
from interlock.serve import rollouts
from interlock.settings import Settings
from interlock.state import database, schema
from tests.cli.rolled import Run, begin
from tests.cli.rolled import run as run  # noqa: PLC0414 - fixtures, used by their names
from tests.cli.rolled import world as world  # noqa: PLC0414
from tests.rollout.world import World, Wrong


def test_it_tells_what_the_controller_found(run: Run, world: World, tmp_path: Path) -> None:
    """The verdict, the sentence with the figures, and each finding."""
    bulletin = Bulletin(
        tmp_path, ["ecg", "ecg@champion"], Settings(home=world.home, database=world.url)
    )
    bulletin.refresh()
    with pytest.raises(PathError):
        rollouts.analysis(tmp_path, "ecg")
    world.versions["1.1.0"] = Wrong(wrong=0.5)
    world.serve(300)
    begin(run)
    world.run(30, 400)
    bulletin.refresh()
    found = rollouts.analysis(tmp_path, "ecg")
    assert (found["status"], found["verdict"]) == ("rolled back", "failed")
    assert found["sentence"] == world.sentence()
    assert "failed" in {one["verdict"] for one in found["findings"]}


def test_it_makes_no_tables(tmp_path: Path) -> None:
    """A database without any is nobody's yet: there is nothing to tell, and nothing is made."""
    current = Settings(home=tmp_path)
    Bulletin(tmp_path, ["ecg"], current).refresh()
    with pytest.raises(PathError):
        rollouts.analysis(tmp_path, "ecg")
    engine = database.connect(current)
    assert sa.inspect(engine).get_table_names() == []
    engine.dispose()


def test_what_cannot_be_read_is_logged_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same line each second would drown the log; what can be read again is written again."""
    current = Settings(home=tmp_path)
    engine = database.connect(current)
    schema.ensure(engine)
    version = sa.text(f"UPDATE {schema.VERSIONS} SET version_num = :number")
    with engine.begin() as connection:
        right = connection.scalar(sa.text(f"SELECT version_num FROM {schema.VERSIONS}"))
        connection.execute(version, {"number": "of tomorrow"})
    bulletin = Bulletin(tmp_path, ["ecg"], current)
    for _ in range(3):
        bulletin.refresh()
    printed = "".join(capsys.readouterr())
    assert printed.count("a newer release made") == 1
    assert not (tmp_path / "rollouts.json").exists()
    with engine.begin() as connection:
        connection.execute(version, {"number": right})
    engine.dispose()
    bulletin.refresh()
    assert (tmp_path / "rollouts.json").exists()
