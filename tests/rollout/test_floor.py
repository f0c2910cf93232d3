"""The watch over the floor of whoever is champion."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from interlock.registry import Registry
from interlock.rollout import floor
from interlock.rollout.controller import Controller
from interlock.rollout.floor import Watch
from interlock.settings import Settings
from interlock.state import events, watches
from tests.rollout.world import INTERVAL, World, Wrong, rules

FLOOR = "[rollout.floor]\naccuracy = 0.85"


def told(world: World) -> list[str]:
    return [event.event for event in events.read(world.engine, floor.name("ecg"))]


def watch(world: World) -> Watch:
    kept = watches.read(world.engine, "ecg")
    assert kept is not None
    return floor.read(kept)


@pytest.fixture
def second(world: World) -> World:
    """1.1.0 is champion after 1.0.0."""
    world.registry.promote("ecg", "1.1.0", "champion", "better", force=True)
    return world


def test_a_champion_over_its_floor_is_left_alone(second: World) -> None:
    """A week of looks at a good model, and nothing is said."""
    controller = second.controller(policies=[rules(FLOOR, window=6000.0)])
    for _ in range(60):
        second.serve(100, 10 * INTERVAL)
        controller.tick()
    assert told(second) == []
    assert watch(second).window >= 6
    assert watch(second).findings[0].verdict == "passed"


def test_a_fallen_champion_is_rolled_back_when_the_policy_says_so(second: World) -> None:
    """By the registry, to the version before, with the figures as the reason."""
    controller = second.controller(policies=[rules(FLOOR, on_floor="rollback")])
    for _ in range(5):
        second.serve(200)
        controller.tick()
    second.versions["1.1.0"] = Wrong(wrong=0.4)
    for _ in range(10):
        second.serve(200)
        controller.tick()
    assert second.registry.resolve("ecg").version == "1.0.0"
    assert told(second)[-2:] == ["withdrawing", "rolled back"]
    assert "its floor is 0.85" in (second.registry.history("ecg")[-1].reason or "")


def test_a_good_past_does_not_hide_a_fall(second: World) -> None:
    """Evidence begins anew with each window: a fall after many good rows is seen."""
    controller = second.controller(policies=[rules(FLOOR, window=1200.0)])
    for _ in range(20):
        second.serve(1000, 10 * INTERVAL)
        controller.tick()
    assert told(second) == []
    second.versions["1.1.0"] = Wrong(wrong=0.3)
    for _ in range(6):
        second.serve(500, 10 * INTERVAL)
        controller.tick()
    assert "alerted" in told(second)


def test_without_leave_to_roll_back_it_alerts_once_a_window(second: World) -> None:
    """The alias stays; a person decides."""
    second.versions["1.1.0"] = Wrong(wrong=0.4)
    controller = second.controller(policies=[rules(FLOOR)])
    for _ in range(20):
        second.serve(200)
        controller.tick()
    assert told(second) == ["alerted"]
    assert second.registry.resolve("ecg").version == "1.1.0"


def test_what_may_be_under_the_floor_is_warned_of(second: World) -> None:
    """At the very floor nothing trips, but somebody should know."""
    second.versions["1.1.0"] = Wrong(wrong=0.17)
    controller = second.controller(policies=[rules(FLOOR)])
    for _ in range(10):
        second.serve(100)
        controller.tick()
    assert told(second) == ["warned"]
    assert "may be under its floor" in events.read(second.engine, floor.name("ecg"))[0].sentence


def test_when_all_versions_fall_the_watch_does_not_go_back_and_forth(second: World) -> None:
    """The world has changed: it rolls back once, then alerts; nothing returns by itself."""
    second.registry.promote("ecg", second.third(), "champion", "better still", force=True)
    second.versions = {version: Wrong(wrong=0.5) for version in ("1.0.0", "1.1.0", "1.2.0")}
    controller = second.controller(policies=[rules(FLOOR, on_floor="rollback", window=1800.0)])
    for _ in range(40):
        second.serve(100, 3 * INTERVAL)
        controller.tick()
    champions = [one.version for one in second.registry.history("ecg")]
    assert champions == ["1.0.0", "1.1.0", "1.2.0", "1.1.0"]
    assert set(told(second)) == {"withdrawing", "rolled back", "alerted"}
    assert told(second)[:2] == ["withdrawing", "rolled back"]


def test_with_nothing_to_go_back_to_it_alerts(world: World) -> None:
    """The first version has none before it."""
    world.versions["1.0.0"] = Wrong(wrong=0.5)
    controller = world.controller(policies=[rules(FLOOR, on_floor="rollback")])
    for _ in range(10):
        world.serve(200)
        controller.tick()
    assert told(world) == ["withdrawing", "alerted"]
    assert world.registry.resolve("ecg").version == "1.0.0"


def test_a_rollback_that_was_interrupted_is_finished_and_not_repeated(second: World) -> None:
    """Whether or not the alias had moved when the controller died."""
    second.versions["1.1.0"] = Wrong(wrong=0.5)
    policies = [rules(FLOOR, on_floor="rollback")]
    second.controller(policies=policies).tick()
    for moved in (False, True):
        kept = watches.read(second.engine, "ecg")
        assert kept is not None
        meant = msgspec.structs.replace(floor.read(kept), state="withdrawing")
        document = msgspec.json.encode(meant).decode()
        watches.write(second.engine, msgspec.structs.replace(kept, document=document))
        if moved:
            second.registry.promote("ecg", "1.1.0", "champion", "again", force=True)
            second.controller(policies=policies).tick()
            continue
        second.controller(policies=policies).tick()
        assert second.registry.resolve("ecg").version == "1.0.0"
        assert told(second) == ["rolled back"]
    assert watch(second).version == "1.1.0"


def test_two_watches_at_once_go_back_one_version(second: World) -> None:
    """Whoever comes second finds that version withdrawn already, and does not go further."""
    second.registry.promote("ecg", second.third(), "champion", "better still", force=True)
    second.versions["1.2.0"] = Wrong(wrong=0.5)
    policies = [rules(FLOOR, on_floor="rollback")]
    first = second.controller(policies=policies)

    class Overtaken(Registry):
        def rollback(self, *given: Any, **options: Any) -> Any:
            first.tick()
            return super().rollback(*given, **options)

    registry = Overtaken(Settings(home=second.home, actor="bob"))
    slow = Controller(second.engine, registry, policies=policies, now=second.clock)
    for _ in range(5):
        second.serve(200)
        slow.tick()
        if second.registry.resolve("ecg").version != "1.2.0":
            break
    registry.close()
    assert second.registry.resolve("ecg").version == "1.1.0"
    assert told(second)[-2:] == ["withdrawing", "rolled back"]


def test_the_watch_rests_while_a_rollout_is_under_way(second: World) -> None:
    """One decides at a time."""
    second.registry.rollback("ecg", "to begin with")
    second.versions["1.0.0"] = Wrong(wrong=0.5)
    second.start(FLOOR, least_seconds=1e9, on_floor="rollback", shift=1.0)
    second.run(5, 200)
    assert told(second) == []
