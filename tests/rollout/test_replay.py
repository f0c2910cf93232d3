"""What was decided can be worked out again from the journal."""

from __future__ import annotations

import pytest

from interlock.rollout import facts, transition
from interlock.rollout.replay import replay
from tests.rollout.world import INTERVAL, SECOND, World, Wrong


@pytest.mark.parametrize("wrong", [0.1, 0.4])
@pytest.mark.parametrize("text", ["", "[labels]\nunit = 'key'"])
@pytest.mark.parametrize("shadow_first", [False, True])
def test_the_journal_gives_the_same_verdict_again(
    world: World, wrong: float, text: str, shadow_first: bool
) -> None:
    """Verdicts, figures and sentences are those of the last look, however often it had looked."""
    world.versions["1.1.0"] = Wrong(wrong=wrong, failing=0.01)
    world.serve(300)
    world.start(text, shadow_first=shadow_first)
    world.run(6, 400, keys=3000)
    world.serve(400, 7 * 60, keys=3000)
    world.run(20, 200, keys=3000)
    found = replay(world.engine, world.last())
    assert found.kept.findings
    assert found.analysis == found.kept
    assert found.same


def test_replays_are_the_same_in_every_database(any_world: World) -> None:
    """Counting is the database's business, and each does it alike."""
    any_world.serve(300)
    any_world.start("[labels]\nunit = 'key'", shadow_first=True, inconclusive="proceed", patience=0)
    any_world.run(12, 200, keys=2000)
    assert "widened" in any_world.told()
    assert replay(any_world.engine, any_world.last()).same


def test_a_champion_that_begins_late_is_measured_by_the_same_rows(world: World) -> None:
    """The reference is frozen at a moment that the traffic decides, not the controller."""
    world.start(least_seconds=1e9)
    world.run(3, 30)
    world.serve(300, 5 * 60)
    world.run(3, 60)
    assert replay(world.engine, world.last()).same


def test_who_was_away_for_long_knows_all_of_it_at_once(world: World) -> None:
    """A month without traffic, and what came after it, is one look."""
    world.serve(300)
    world.start(least_seconds=1e9, interval=0.1)
    world.serve(200)
    world.now += 30 * 86_400 * SECOND
    world.serve(200)
    world.controller().tick()
    assert world.last().watermark == world.now
    assert transition.told(world.last()).analysis.requests > 20
    assert replay(world.engine, world.last()).same


def test_very_many_rows_are_read_by_several_looks(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each takes as many intervals as it may, one at least; together they find the same."""
    monkeypatch.setattr(facts, "AT_ONCE", 250)
    world.serve(300)
    world.start(least_seconds=1e9)
    for _ in range(5):
        world.serve(100)
    marks = []
    for _ in range(4):
        world.controller().tick()
        marks.append((world.last().watermark - world.last().started) // (INTERVAL * SECOND))
    assert marks == [2, 4, 5, 5]
    monkeypatch.undo()
    assert replay(world.engine, world.last()).same


def test_another_journal_gives_another_verdict(world: World) -> None:
    """Rows that are gone are missed."""
    world.serve(300)
    world.start(least_seconds=1e9)
    world.run(5, 400)
    with world.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM interlock_predictions WHERE arm = 'canary'")
    assert not replay(world.engine, world.last()).same
