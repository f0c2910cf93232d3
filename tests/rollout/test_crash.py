"""A controller may be killed anywhere: the next one goes on, and all ends as if nothing was."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from interlock.errors import RegistryError
from interlock.registry import Registry
from interlock.rollout.controller import Controller
from interlock.settings import Settings
from tests.rollout.processes import Mortals, Site
from tests.rollout.world import World, Wrong


class Killed(BaseException):
    """Ends a controller where it stands; nothing catches it."""


def ending(world: World) -> tuple[str, list[str], str]:
    """How the rollout ended: status, transitions, who is champion."""
    transitions = [event for event in world.told() if event != "held"]
    return world.last().status, transitions, world.registry.resolve("ecg").version


class Story(NamedTuple):
    """A strategy, how its new version is, and how that has to go."""

    strategy: str
    version: Wrong
    told: list[str]

    @property
    def expected(self) -> tuple[str, list[str], str]:
        ending = self.told[-1]
        return ending, ["started", *self.told], "1.1.0" if ending == "promoted" else "1.0.0"


GOOD, BAD = Wrong(), Wrong(wrong=0.4)
STORIES = [
    Story("canary", GOOD, ["widened", "widened", "promoting", "promoted"]),
    Story("canary", BAD, ["rolled back"]),
    Story("shadow", GOOD, ["promoting", "promoted"]),
    Story("shadow", BAD, ["rolled back"]),
    Story("ab", GOOD, ["promoting", "promoted"]),
    Story("ab", BAD, ["rolled back"]),
    Story("blue-green", GOOD, ["promoting", "promoted"]),
    Story("blue-green", Wrong(failing=0.3), ["rolled back"]),
    Story("recreate", GOOD, ["promoted"]),
]


@pytest.mark.parametrize("story", STORIES, ids=lambda one: f"{one.strategy}, {one.told[-1]}")
def test_killed_at_every_transition_the_next_controller_goes_on(
    world: World, tmp_path: Path, story: Story
) -> None:
    """SIGKILL at each, before it is committed and just after: nothing is lost or done twice."""
    site = Site(world.url, world.home, tmp_path)
    world.versions["1.1.0"] = story.version
    world.serve(300)
    world.start(strategy=story.strategy, end=120.0, warm=120.0)
    site.tell(world.now)
    mortals = Mortals(site)
    for _ in range(20):
        world.serve(400)
        site.tell(world.now)
        mortals.live_until(lambda: bool(world.last().ended) or world.last().watermark == world.now)
        if world.last().ended:
            break
    mortals.end()
    assert ending(world) == story.expected
    died_at = [line.split(" ", 1)[1] for line in site.deaths.read_text().splitlines()]
    assert died_at == [event for event in story.told for _ in range(2)]
    assert mortals.exits == [-signal.SIGKILL] * len(died_at)
    moves = [one for one in world.registry.history("ecg") if one.version == "1.1.0"]
    assert len(moves) == (story.told[-1] == "promoted")


@pytest.mark.parametrize("arrived", [False, True])
def test_killed_while_the_alias_moves_it_is_moved_once(world: World, arrived: bool) -> None:
    """Before or after the registry has it: the next controller finds out which."""

    class Dying(Registry):
        def promote(self, *given: Any, **options: Any) -> Any:
            if arrived:
                super().promote(*given, **options)
            raise Killed

    world.serve(300)
    world.start(strategy="recreate")
    dying = Dying(Settings(home=world.home, actor="ann"))
    with pytest.raises(Killed):
        Controller(world.engine, dying, now=world.clock).tick()
    dying.close()
    assert world.last().status == "promoting"
    world.controller().tick()
    assert ending(world) == ("promoted", ["started", "promoted"], "1.1.0")
    moves = [one for one in world.registry.history("ecg") if one.version == "1.1.0"]
    assert len(moves) == 1


def test_a_registry_that_is_away_is_asked_again(world: World) -> None:
    """The version keeps the traffic, the failure is on record once, and then it works."""

    class Failing(Registry):
        failures = 2

        def promote(self, *given: Any, **options: Any) -> Any:
            if self.failures:
                self.failures -= 1
                raise RegistryError("the registry is away")
            return super().promote(*given, **options)

    failing = Failing(Settings(home=world.home, actor="ann"))
    world.start(strategy="recreate")
    controller = Controller(world.engine, failing, now=world.clock)
    for _ in range(2):
        outcome = controller.tick()[0]
        assert (outcome.record.status, outcome.decision.verdict) == ("promoting", "error")
        assert world.shares()["1.1.0"] == 1.0
    controller.tick()
    failing.close()
    assert world.told() == ["started", "held", "promoted"]
