"""A database with predictions and labels."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from interlock.settings import Settings
from interlock.state.tables import CURSORS, LABELS, PREDICTIONS, TIES
from tests import databases

from .truths import Kept


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with tables and nothing in them: making them takes longer than most tests."""
    home = tmp_path_factory.mktemp("empty")
    Kept(Settings(home=home)).close()
    return home / "interlock.db"


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """URL of a database that all tests of a run share: each leaves it empty."""
    with databases.fresh("postgresql", tmp_path_factory.getbasetemp()) as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def kept(request: pytest.FixtureRequest, tmp_path: Path, empty_database: Path) -> Iterator[Kept]:
    """An empty database, of either kind."""
    home = tmp_path / "home"
    home.mkdir()
    shutil.copy(empty_database, home)
    url = request.getfixturevalue("postgres") if request.param == "postgresql" else None
    found = Kept(Settings(home=home, database=url))
    yield found
    with found.engine.begin() as connection:
        # The next home has a hash key of its own.
        for table in (PREDICTIONS, LABELS, CURSORS, TIES):
            connection.execute(sa.delete(table))
    found.close()
