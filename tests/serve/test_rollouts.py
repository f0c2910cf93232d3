"""`GET /api/rollouts/NAME/analysis`: what a server tells of a rollout, if it knows."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from interlock import policy
from interlock.errors import PathError
from interlock.registry import Registry
from interlock.rollout.orders import Orders
from interlock.serve import rollouts
from interlock.serve.rollouts import Known
from interlock.settings import Settings
from interlock.state import database, schema

from .conftest import build_beat, serving

REPORT = {"name": "beat", "verdict": "passed", "sentence": "5% for another 10 min at least"}


def test_what_is_not_known_is_not_found(tmp_path: Path) -> None:
    """No file yet, or no rollout of that model: both say so, by name."""
    with pytest.raises(PathError, match="'beat'"):
        rollouts.analysis(tmp_path, "beat")
    rollouts.write(tmp_path, Known(moment=time.time(), reports={"beat": REPORT}))
    assert rollouts.analysis(tmp_path, "beat") == REPORT
    with pytest.raises(PathError, match="'cost'"):
        rollouts.analysis(tmp_path, "cost")


def test_what_was_known_long_ago_decides_nothing(tmp_path: Path) -> None:
    """A verdict that nobody could look at again is an error, not what it was then."""
    rollouts.write(tmp_path, Known(moment=time.time() - 60, reports={"beat": REPORT}))
    found = rollouts.analysis(tmp_path, "beat")
    assert found["verdict"] == "error"
    assert found["sentence"].startswith("the database was not read for 60 s; then: 5% for")
    assert list(tmp_path.iterdir()) == [tmp_path / "rollouts.json"]


@pytest.fixture
def orders(home: Path, registry: Registry, tmp_path: Path) -> Iterator[Orders]:
    """1.0.0 is champion, 1.0.1 registered; what Ann orders is in the home's database."""
    first = build_beat(tmp_path / "beat-1")
    registry.register(first)
    registry.register(build_beat(tmp_path / "beat-2", seed=1, previous=first))
    registry.promote("beat", "1.0.0", "champion", "first", force=True)
    engine = database.connect(Settings(home=home))
    schema.ensure(engine)
    yield Orders(engine, registry, actor="ann")
    engine.dispose()


def test_a_server_tells_of_a_rollout_within_seconds(orders: Orders, home: Path) -> None:
    """From not found over running to aborted, with a verdict that a condition can be put on."""
    rules = policy.parse('[model]\nname = "beat"\n')
    with serving(home, "beat") as server:

        def told() -> Any:
            return server.client.get("/api/rollouts/beat/analysis")

        assert told().status_code == 404
        assert told().json()["error"]["code"] == "not_found"
        begun = orders.start("1.0.1", rules, reason="a try", force=True)
        server.wait_for(lambda: told().status_code == 200)
        found = told().json()
        assert (found["id"], found["status"], found["step"]) == (begun.id, "running", "5%")
        assert (found["version"], found["champion"], found["share"]) == ("1.0.1", "1.0.0", 0.05)
        assert found["verdict"] == "inconclusive"
        orders.abort("beat", "enough")
        server.wait_for(lambda: told().json()["status"] == "aborted")
        assert told().json()["sentence"] == "aborted, by ann: enough"
        assert told().json()["share"] == 0


def test_a_server_of_a_directory_knows_of_no_rollout(beat_package: Path, tmp_path: Path) -> None:
    """It follows no alias, so nothing can be rolled out to it."""
    with serving(tmp_path, "--package", str(beat_package)) as server:
        answer = server.client.get("/api/rollouts/beat/analysis")
    assert answer.status_code == 404
    assert (
        answer.json()["error"]["expected"] == "a model that is served by alias and was rolled out"
    )
