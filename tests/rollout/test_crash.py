"""A controller may be killed anywhere: the next one goes on, and all ends as if nothing was."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from interlock.errors import RegistryError
from interlock.registry import Registry
from interlock.rollout.controller import Controller
from interlock.settings import Settings
from interlock.state import events
from interlock.state.rollouts import Record, Rollouts
from tests.rollout.world import World, Wrong


class Killed(BaseException):
    """Ends a controller where it stands; nothing catches it."""


class Killer:
    """Ends whoever makes a transition, once at each: before it is committed, or just after."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, moment: str) -> None:
        self.deaths: list[str] = []
        change = Rollouts.change

        def dying(rollouts: Rollouts, record: Record, event: Any = None, route: Any = None) -> Any:
            place = f"{record.revision} {event.event}" if event else ""
            engine = rollouts._engine
            if not event or place in self.deaths:
                return change(rollouts, record, event, route)
            self.deaths.append(place)
            if moment == "before":
                sa.event.listen(engine, "commit", die, once=True)
            change(rollouts, record, event, route)
            raise Killed

        def die(_connection: Any) -> None:
            raise Killed

        monkeypatch.setattr(Rollouts, "change", dying)


def ending(world: World) -> tuple[str, list[str], str]:
    """How the rollout ended: status, transitions, who is champion."""
    transitions = [event for event in world.told() if event != "held"]
    return world.last().status, transitions, world.registry.resolve("ecg").version


GOOD = ("promoted", ["started", "widened", "widened", "promoting", "promoted"], "1.1.0")
BAD = ("rolled back", ["started", "rolled back"], "1.0.0")


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize(("wrong", "expected"), [(0.1, GOOD), (0.4, BAD)])
def test_killed_at_every_transition_the_next_controller_goes_on(
    world: World,
    monkeypatch: pytest.MonkeyPatch,
    moment: str,
    wrong: float,
    expected: tuple[str, list[str], str],
) -> None:
    """A controller dies at each transition; nothing is lost, and nothing done twice."""
    world.versions["1.1.0"] = Wrong(wrong=wrong)
    world.serve(300)
    world.start()
    killer = Killer(monkeypatch, moment)
    for _ in range(60):
        world.serve(400)
        while True:
            with suppress(Killed):
                world.controller().tick()
                break
        if world.rollouts.running("ecg") is None:
            break
    assert ending(world) == expected
    died_at = [place.split(" ", 1)[1] for place in killer.deaths]
    assert [event for event in died_at if event != "held"] == expected[1][1:]
    assert len(world.told()) == 1 + len(killer.deaths)


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


def test_a_process_that_dies_leaves_a_rollout_that_goes_on(world: World, tmp_path: Path) -> None:
    """A real process ends in the middle of a transaction, without a word."""
    world.serve(300)
    record = world.start(least_seconds=0, least_rows=0, margin=1.0)
    world.serve(400)
    script = tmp_path / "controller.py"
    script.write_text(
        textwrap.dedent(f"""
        import os
        import sqlalchemy as sa
        from pathlib import Path
        from interlock.registry import Registry
        from interlock.rollout.controller import Controller
        from interlock.settings import Settings
        from interlock.state import database

        engine = database.engine({world.url!r})
        sa.event.listen(engine, "commit", lambda connection: os._exit(9))
        registry = Registry(Settings(home=Path({str(world.home)!r}), actor="bob"))
        Controller(engine, registry, now=lambda: {world.now}).tick()
        """)
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False)
    assert done.returncode == 9, done.stderr
    assert Rollouts(world.engine).find(record.id) == record
    world.controller().tick()
    assert [event.event for event in events.read(world.engine, record.id)] == [
        "started",
        "widened",
    ]
