"""Several controllers at once: what is done, is done once."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import msgspec

from interlock.rollout import evidence
from interlock.state import database, predictions
from interlock.state.predictions import Wanted
from tests.rollout.processes import Site
from tests.rollout.world import World


def test_two_controllers_at_once_do_everything_once(any_world: World) -> None:
    """Whoever comes second looks again; no interval is counted twice, no step made twice."""
    world = any_world
    world.serve(300)
    world.start()
    engines = [database.engine(world.url) for _ in range(2)]
    controllers = [world.controller(engine) for engine in engines]
    barrier = Barrier(2)

    def tick(place: int) -> None:
        barrier.wait()
        controllers[place].tick()

    with ThreadPoolExecutor(2) as pool:
        for _ in range(40):
            world.serve(400)
            list(pool.map(tick, range(2)))
            if world.rollouts.running("ecg") is None:
                break
    for engine in engines:
        engine.dispose()
    told = [event for event in world.told() if event != "held"]
    assert told == ["started", "widened", "widened", "promoting", "promoted"]
    known = evidence.read(world.last().evidence)
    with world.engine.connect() as connection:
        answered = predictions.count(
            connection, Wanted(deployment="ecg", version="1.1.0", until=known.counted)
        )
    assert known.requests == answered > 0


def test_two_processes_at_once_do_everything_once(any_world: World, tmp_path: Path) -> None:
    """As two machines with a controller each would: every step, every interval and the alias."""
    world, site = any_world, Site(any_world.url, any_world.home, tmp_path)
    world.serve(300)
    world.start()
    site.tell(world.now)
    with site.looking(2):
        for _ in range(20):
            world.serve(400)
            site.tell(world.now)
            wait_for(lambda: world.last().watermark == world.now or bool(world.last().ended))
            if world.last().ended:
                break
    told = [event for event in world.told() if event != "held"]
    assert told == ["started", "widened", "widened", "promoting", "promoted"]
    known = evidence.read(world.last().evidence)
    with world.engine.connect() as connection:
        wanted = Wanted(deployment="ecg", version="1.1.0", until=known.counted)
        assert known.requests == predictions.count(connection, wanted) > 0
    moves = [one for one in world.registry.history("ecg") if one.version == "1.1.0"]
    assert len(moves) == 1


def wait_for(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    """Wait until `condition` holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.02)


def test_who_has_seen_an_older_state_changes_nothing(world: World) -> None:
    """The route, the record and the events stay those of the one who was first."""
    world.serve(300)
    record = world.start()
    first = world.rollouts.change(msgspec.structs.replace(record, status="paused"))
    assert first is not None
    assert world.rollouts.change(msgspec.structs.replace(record, step=2)) is None
    assert world.last() == first


def test_a_person_and_the_controller_do_not_overwrite_each_other(world: World) -> None:
    """An order waits for nobody, and a controller that had looked before looks again."""
    world.serve(300)
    world.start()
    world.run(1)
    world.orders().pause("ecg", "let me see")
    world.run(10, 400)
    assert (world.last().status, world.last().step) == ("paused", 0)
    world.orders().resume("ecg")
    world.run(20, 400)
    assert world.last().status == "promoted"
    by_hand = [event for event in world.told() if event in ("paused", "resumed", "promoted")]
    assert by_hand == ["paused", "resumed", "promoted"]
