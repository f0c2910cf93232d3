"""A champion that is moved by hand during a rollout, with no controller that could see it."""

from __future__ import annotations

import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from interlock.rollout import promoting
from tests.cli.rolled import Run, begin
from tests.cli.rolled import run as run  # noqa: PLC0414 - fixtures, used by their names
from tests.cli.rolled import world as world  # noqa: PLC0414
from tests.rollout.world import World


def crown(world: World, version: str) -> None:
    """Make a version champion, and the rollouts of now go from there."""
    world.registry.promote("ecg", version, "champion", "a test", force=True)


def test_a_rollback_ends_the_rollout_at_once(run: Run, world: World) -> None:
    """The route is gone, the alias is on the version before, and it is on record who did it."""
    third = world.third()
    crown(world, third)
    begin(run)
    assert world.shares() == {third: 0.9, "1.1.0": 0.1}
    code, out, err = run("model", "rollback", "ecg", "--reason", "alarms")
    assert (code, out) == (0, "champion is ecg:1.0.0 again\n"), err
    assert world.last().status == "aborted"
    assert world.sentence() == "aborted: ann moves the champion by hand"
    assert world.shares() == {"1.0.0": 1.0}


def test_a_rollback_that_goes_nowhere_leaves_the_rollout(run: Run, world: World) -> None:
    """Nothing was champion before: refused, and nothing has changed."""
    begin(run)
    assert run("model", "rollback", "ecg")[0] == 3
    assert world.last().status == "running"
    assert world.shares() == {"1.0.0": 0.9, "1.1.0": 0.1}


@pytest.mark.parametrize(
    "words",
    [
        ("promote", "ecg", "1.2.0", "--to", "champion"),
        ("alias", "ecg", "1.2.0", "champion"),
    ],
)
def test_another_champion_by_hand_ends_the_rollout(
    run: Run, world: World, words: tuple[str, ...]
) -> None:
    """By either command; refused for want of evidence, it ends nothing."""
    world.third()
    begin(run)
    assert run("model", *words, "--reason", "mine")[0] == 1
    assert world.last().status == "running"
    code, _, err = run("model", *words, "--reason", "mine", "--force")
    assert code == 0, err
    assert world.last().status == "aborted"
    assert world.shares() == {"1.2.0": 1.0}


def test_the_same_version_by_hand_has_arrived(run: Run, world: World) -> None:
    """Its rollout has come to its end, and it has everything."""
    begin(run)
    words = ("promote", "ecg", "1.1.0", "--to", "champion", "--reason", "sure", "--force")
    assert run("model", *words)[0] == 0
    assert (world.last().status, world.shares()) == ("promoted", {"1.1.0": 1.0})
    assert "promoted by ann meanwhile" in world.sentence()


def test_other_aliases_leave_a_rollout_alone(run: Run, world: World) -> None:
    """A challenger or what is in staging answers nobody."""
    begin(run)
    before = world.last()
    assert run("model", "alias", "ecg", "1.1.0", "challenger", "--reason", "next")[0] == 0
    assert world.last() == before


def test_a_champion_taken_away_by_hand_ends_the_rollout(run: Run, world: World) -> None:
    """There is nothing left that it could be compared with."""
    begin(run)
    words = ("alias", "ecg", "1.0.0", "champion", "--delete", "--reason", "closed", "--force")
    assert run("model", *words)[0] == 0
    assert world.last().status == "aborted"


def test_a_rollback_of_what_is_being_promoted_keeps_the_champion(run: Run, world: World) -> None:
    """The alias has not moved yet: only the traffic comes back."""
    begin(run, "--strategy", "recreate")
    assert world.shares()["1.1.0"] == 1.0
    code, out, err = run("model", "rollback", "ecg", "--reason", "alarms")
    assert (code, out) == (0, "champion is ecg:1.0.0 again\n"), err
    assert (world.last().status, world.shares()) == ("aborted", {"1.0.0": 1.0})
    assert run("control", "--once")[1] == "no rollout is under way\n"
    assert world.registry.resolve("ecg").version == "1.0.0"


def test_a_rollback_while_the_alias_moves_is_not_overtaken(
    run: Run, world: World, home: Path
) -> None:
    """The controller was on its way to the registry: it sees that, and takes it back."""
    begin(run, "--strategy", "recreate")
    with closing(sqlite3.connect(home / "registry.db")) as lock:
        lock.execute("BEGIN IMMEDIATE")
        with ThreadPoolExecutor() as pool:
            looking = pool.submit(world.controller().tick)
            time.sleep(0.5)
            assert run("model", "rollback", "ecg")[1] == "champion is ecg:1.0.0 again\n"
            assert not looking.done()
            lock.rollback()
            assert looking.result(30) == []
    assert world.registry.resolve("ecg").version == "1.0.0"
    assert world.last().status == "aborted"


def test_what_was_promoted_too_late_is_undone_only_if_nobody_was_there_since(
    run: Run, world: World
) -> None:
    """A person who has chosen another champion meanwhile keeps it."""
    begin(run, "--strategy", "recreate")
    record = world.last()
    third = world.third()
    crown(world, "1.1.0")
    crown(world, third)
    promoting.undo(world.registry, record)
    assert world.registry.resolve("ecg").version == third


def test_without_a_database_the_champion_moves_all_the_same(
    run: Run, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who rolls back must not wait for it: it is said that a rollout may go on."""
    crown(world, "1.1.0")
    (tmp_path / "away.db").mkdir()  # no file, so nobody can open it
    monkeypatch.setenv("INTERLOCK_DATABASE", f"sqlite:///{tmp_path / 'away.db'}")
    code, out, err = run("model", "rollback", "ecg")
    assert (code, out) == (0, "champion is ecg:1.0.0 again\n")
    assert "a rollout of ecg, if there is one, goes on for now" in err
