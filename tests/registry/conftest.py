"""The same registry tests against everything that MLflow can keep a registry in."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from interlock.registry import Registry
from interlock.settings import Settings

ELSEWHERE = {
    "postgresql": "INTERLOCK_TEST_POSTGRES",
    "server": "INTERLOCK_TEST_MLFLOW",
}
"""Variables with a SQLAlchemy URL of PostgreSQL, and with the address of a tracking server."""


def address(kind: str) -> str:
    """Where the registry of this kind is; skips the test when nobody provides one."""
    variable = ELSEWHERE[kind]
    if variable not in os.environ:
        pytest.skip(f"{variable} is not set")
    return os.environ[variable]


@pytest.fixture(params=["sqlite", *ELSEWHERE])
def settings(request: pytest.FixtureRequest, home: Path) -> Settings:
    """Settings of a registry of each kind, in which Ann acts."""
    uri = None if request.param == "sqlite" else address(request.param)
    return Settings(home=home, tracking_uri=uri, actor="ann")


@pytest.fixture
def any_registry(settings: Settings) -> Iterator[Registry]:
    """A registry of each kind. Those elsewhere are shared: use `name`."""
    registry = Registry(settings)
    yield registry
    registry.close()


@pytest.fixture
def name() -> str:
    """A model's name that no other test uses."""
    return f"ecg-{uuid4().hex[:12]}"
