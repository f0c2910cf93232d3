"""What a person may ask of a rollout."""

from __future__ import annotations

import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from interlock.errors import ConflictError, PromotionError, UnknownError
from interlock.registry import Registry
from interlock.state import events
from tests.rollout.world import World, Wrong, rules


def test_a_version_without_its_gates_is_not_rolled_out(world: World) -> None:
    """What may not become champion gets no traffic either."""
    with pytest.raises(PromotionError, match="no gate was run on"):
        world.orders().start("1.1.0", rules())
    assert world.rollouts.history("ecg") == []
    assert world.shares() == {"1.0.0": 1.0}


def test_a_version_whose_gates_passed_goes_all_the_way_unforced(world: World) -> None:
    """Nobody has to force anything, and the history says so."""
    world.judge("passed")
    world.serve(300)
    world.orders().start("1.1.0", rules(strategy="shadow"))
    world.run(30, 200)
    assert world.last().status == "promoted"
    assert not world.registry.history("ecg")[-1].forced


def test_only_one_rollout_of_a_deployment_at_a_time(world: World) -> None:
    """The second is told who began the first."""
    world.start()
    with pytest.raises(ConflictError, match=r"1\.1\.0, running at step 1, begun by ann"):
        world.start(version=world.third())
    world.orders().abort("ecg", "not today")
    assert world.start(version="1.2.0").status == "running"


def test_the_champion_needs_no_rollout(world: World) -> None:
    """It has all of the traffic."""
    with pytest.raises(ConflictError, match=r"ecg:1\.0\.0 is champion already"):
        world.start(version="1.0.0")


def test_force_needs_a_reason(world: World) -> None:
    """It stays on record for ever."""
    with pytest.raises(PromotionError, match="say why"):
        world.orders().start("1.1.0", rules(), force=True)


def test_a_version_that_was_rolled_back_needs_a_person(world: World) -> None:
    """The evidence against it stays; only who knows better may try again."""
    world.versions["1.1.0"] = Wrong(wrong=0.5)
    world.serve(300)
    world.start()
    world.run(10, 400)
    assert world.last().status == "rolled back"
    with pytest.raises(PromotionError, match="rolled back before: it takes a new version"):
        world.orders().start("1.1.0", rules())
    assert world.start().status == "running"


def test_a_champion_that_was_rolled_back_needs_a_person(world: World) -> None:
    """Also when it was withdrawn outside a rollout."""
    world.registry.promote("ecg", "1.1.0", "champion", "better", force=True)
    world.registry.rollback("ecg", "worse after all")
    with pytest.raises(PromotionError, match="rolled back before"):
        world.orders().start("1.1.0", rules())


def test_abort_gives_everything_back_at_once(world: World) -> None:
    """No look is needed for that, and it is on record who asked."""
    record = world.start()
    world.orders().abort("ecg", "the press is here")
    assert world.last().status == "aborted"
    assert world.shares() == {"1.0.0": 1.0}
    told = events.read(world.engine, record.id)[-1]
    assert (told.event, told.actor) == ("aborted", "ann")
    assert told.sentence == "aborted, by ann: the press is here"


def test_promote_skips_what_is_left_of_the_plan(world: World) -> None:
    """All of the traffic at once; the alias follows at the next look."""
    world.start()
    world.orders().promote("ecg", "I have seen enough")
    assert world.shares()["1.1.0"] == 1.0
    world.controller().tick()
    assert world.last().status == "promoted"
    assert world.registry.resolve("ecg").version == "1.1.0"


def test_what_fails_goes_back_even_while_paused(world: World) -> None:
    """A pause keeps a version from going on, not from being withdrawn."""
    world.versions["1.1.0"] = Wrong(wrong=0.5)
    world.serve(300)
    world.start()
    world.orders().pause("ecg")
    world.run(10, 400)
    assert world.last().status == "rolled back"


def test_orders_that_make_no_sense_are_refused(world: World) -> None:
    """Nothing to pause, or nothing to resume."""
    with pytest.raises(UnknownError, match="no rollout of ecg that has not ended"):
        world.orders().pause("ecg")
    world.start()
    with pytest.raises(ConflictError, match="is running"):
        world.orders().resume("ecg")


def test_a_promotion_that_the_registry_forbids_is_left_to_a_person(world: World) -> None:
    """The gates were changed after the start: paused, with the reason, and abort goes back."""
    world.judge("passed")
    world.orders().start("1.1.0", rules(strategy="recreate"))
    world.judge("failed")
    world.controller().tick()
    assert world.last().status == "paused"
    assert "cannot become champion" in world.sentence()
    world.orders().abort("ecg")
    assert world.shares() == {"1.0.0": 1.0}


@pytest.mark.parametrize("order", ["abort", "pause"])
def test_a_promotion_can_no_more_be_stopped(world: World, order: str) -> None:
    """Who was told that it is off must not see it become champion: it goes back afterwards."""
    world.start(strategy="recreate")
    before = world.last()
    said = r"is being promoted; roll back afterwards with `interlock model rollback ecg`"
    with pytest.raises(ConflictError, match=said):
        getattr(world.orders(), order)("ecg")
    assert world.last() == before
    world.controller().tick()
    assert world.registry.resolve("ecg").version == "1.1.0"


def test_an_abort_during_the_move_of_the_alias_is_refused(
    world: World, home: Path, released: Registry
) -> None:
    """The registry is locked while the controller promotes: what is refused then comes true."""
    world.start(strategy="recreate")
    with closing(sqlite3.connect(home / "registry.db")) as lock:
        lock.execute("BEGIN IMMEDIATE")
        with ThreadPoolExecutor() as pool:
            looking = pool.submit(world.controller().tick)
            time.sleep(0.3)
            with pytest.raises(ConflictError, match="is being promoted"):
                world.orders().abort("ecg")
            assert not looking.done()
            lock.rollback()
            looking.result(30)
    assert world.last().status == "promoted"
    assert released.resolve("ecg").version == "1.1.0"


def test_a_promotion_that_its_gates_forbid_moves_no_traffic(world: World) -> None:
    """They are asked before anything changes, and a person may still force it at the start."""
    world.judge("passed")
    world.orders().start("1.1.0", rules())
    world.judge("failed")
    before, shares = world.last(), world.shares()
    with pytest.raises(PromotionError, match="cannot become champion"):
        world.orders().promote("ecg")
    assert world.last() == before
    assert world.shares() == shares == {"1.0.0": 0.9, "1.1.0": 0.1}


def test_what_goes_on_after_a_refused_promotion_is_at_its_step_again(world: World) -> None:
    """The gates failed between the order and the alias: paused with everything, then a tenth."""
    world.judge("passed")
    world.orders().start("1.1.0", rules())
    world.orders().promote("ecg")
    world.judge("failed")
    world.controller().tick()
    assert (world.last().status, world.shares()["1.1.0"]) == ("paused", 1.0)
    world.orders().resume("ecg")
    assert (world.last().status, world.last().step) == ("running", 0)
    assert world.shares() == {"1.0.0": 0.9, "1.1.0": 0.1}
