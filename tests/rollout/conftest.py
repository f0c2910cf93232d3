"""The world that these tests share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from interlock.registry import Registry
from tests import databases
from tests.rollout.world import World

MakePackage = Callable[..., Path]


@pytest.fixture
def released(registry: Registry, make_package: MakePackage) -> Registry:
    """A registry in which 1.0.0 is champion, and 1.1.0 registered."""
    for version in ("1.0.0", "1.1.0"):
        registry.register(make_package(version=version, weights=version))
    registry.promote("ecg", "1.0.0", "champion", "first release", force=True)
    return registry


@pytest.fixture
def world(home: Path, released: Registry, make_package: MakePackage) -> Iterator[World]:
    """Both versions are wrong in a tenth of the rows."""
    made = World(home, released, make_package)
    yield made
    made.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def any_world(
    request: pytest.FixtureRequest, home: Path, released: Registry, make_package: MakePackage
) -> Iterator[World]:
    """The same with its journal in a database of each kind."""
    with databases.fresh(request.param, home) as url:
        made = World(home, released, make_package, url)
        yield made
        made.close()
