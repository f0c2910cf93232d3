"""`interlock rollout`: orders, and what is told of how a rollout goes."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from interlock.state.database import translated
from tests.cli.rolled import Run, begin
from tests.cli.rolled import run as run  # noqa: PLC0414 - fixtures, used by their names
from tests.cli.rolled import world as world  # noqa: PLC0414
from tests.rollout.world import POLICY, World, Wrong


def told(run: Run, *words: str) -> dict[str, object]:
    """What a command prints as one JSON object."""
    code, out, err = run("rollout", *words, "--json")
    assert code == 0, err
    found: dict[str, object] = json.loads(out)
    return found


def test_a_rollout_needs_the_evidence_of_its_gates(run: Run, world: World) -> None:
    """Without evidence it ends with 1 and nothing has begun; with it, it begins."""
    code, _, err = run("rollout", "start", "ecg", "1.1.0")
    assert code == 1
    assert "no gate was run on ecg:1.1.0" in err
    assert world.rollouts.all_running() == []
    world.judge("passed")
    code, out, _ = run("rollout", "start", "ecg", "1.1.0", "--reason", "gates passed")
    assert (code, out) == (0, "ecg: 1.1.0 instead of 1.0.0 by canary, running\n")
    assert world.shares() == {"1.0.0": 0.9, "1.1.0": 0.1}
    assert (world.last().actor, world.last().reason) == ("ann", "gates passed")


def test_force_needs_a_reason(run: Run, world: World) -> None:
    """What nobody has shown somebody has to answer for."""
    code, _, err = run("rollout", "start", "ecg", "1.1.0", "--force")
    assert code == 1
    assert "reason" in err
    assert world.rollouts.all_running() == []


@pytest.mark.parametrize(
    ("strategy", "shares", "status"),
    [
        ("shadow", {"1.0.0": 1.0}, "running"),
        ("canary", {"1.0.0": 0.9, "1.1.0": 0.1}, "running"),
        ("ab", {"1.0.0": 0.5, "1.1.0": 0.5}, "running"),
        ("blue-green", {"1.0.0": 0.0, "1.1.0": 1.0}, "running"),
        ("recreate", {"1.0.0": 0.0, "1.1.0": 1.0}, "promoting"),
    ],
)
def test_the_strategy_can_be_another_than_the_policys(
    run: Run, world: World, strategy: str, shares: dict[str, float], status: str
) -> None:
    """The command line names it, and the route is that of its first step."""
    out = begin(run, "--strategy", strategy)
    assert out == f"ecg: 1.1.0 instead of 1.0.0 by {strategy}, {status}\n"
    assert world.shares() == shares
    assert [one.version for one in world.route().shadows] == ["1.1.0"] * (strategy == "shadow")


def test_the_policy_must_be_that_of_the_model(run: Run, world: World, tmp_path: Path) -> None:
    """A rollout by another model's rules would be judged by the wrong floor."""
    (tmp_path / "other.toml").write_text(POLICY.replace('"ecg"', '"cost"'))
    code, _, err = run("rollout", "start", "ecg", "1.1.0", "--policy", "other.toml")
    assert code == 2
    assert "other.toml is the policy of cost, not of ecg" in err
    assert run("rollout", "start", "ecg", "1.1.0", "--policy", "gone.toml")[0] == 2
    assert world.rollouts.all_running() == []


def test_a_second_rollout_is_refused(run: Run, world: World) -> None:
    """One at a time, and the refusal names the one that is there."""
    begin(run)
    code, _, err = run("rollout", "start", "ecg", "1.1.0", "--force", "--reason", "again")
    assert code == 3
    assert "has a rollout already: 1.1.0" in err
    assert len(world.rollouts.history("ecg")) == 1


def test_pause_resume_and_abort_are_on_record(run: Run, world: World) -> None:
    """Each order says what has become of the rollout, and who gave it why."""
    begin(run)
    assert run("rollout", "pause", "ecg", "--reason", "lunch")[1].endswith(", paused\n")
    code, _, err = run("rollout", "pause", "ecg")
    assert code == 3
    assert "is paused" in err
    assert run("rollout", "resume", "ecg")[1].endswith(", running\n")
    assert told(run, "abort", "ecg", "--reason", "enough")["status"] == "aborted"
    assert world.shares() == {"1.0.0": 1.0}
    assert world.told() == ["started", "paused", "resumed", "aborted"]
    assert world.sentence() == "aborted, by ann: enough"
    code, _, err = run("rollout", "resume", "ecg")
    assert code == 3
    assert "no rollout of ecg that has not ended" in err


def test_promote_skips_what_is_left(run: Run, world: World) -> None:
    """All of the traffic at once; the controller moves the alias."""
    begin(run)
    assert run("rollout", "promote", "ecg", "--reason", "sure")[1].endswith(", promoting\n")
    assert world.shares()["1.1.0"] == 1.0
    code, out, _ = run("control", "--once")
    assert code == 0
    assert "promoted" in out
    assert world.registry.resolve("ecg").version == "1.1.0"


def test_status_shows_the_step_the_share_and_every_finding(run: Run, world: World) -> None:
    """For people: the way with the present step, and the sentences with the figures."""
    world.serve(300)
    begin(run)
    while world.last().step == 0:
        world.run(1, 400)
    code, out, _ = run("rollout", "status", "ecg")
    assert code == 0
    lines = {line.partition("  ")[0]: line for line in out.splitlines()}
    assert "10% → [50%] → 100%" in lines["steps"]
    assert "50% of the requests" in lines["share"]
    for metric in ("errors", "latency", "answers", "quality"):
        assert lines[metric].split()[1].strip("()") in ("passed", "inconclusive")
    seen = told(run, "status", "ecg")
    assert (seen["step"], seen["share"], seen["place"]) == ("50%", 0.5, 1)
    assert seen["version"] == "1.1.0"
    (one,) = json.loads(run("rollout", "status", "--json")[1])
    assert one == seen


def test_status_without_a_rollout_says_how_to_start_one(run: Run) -> None:
    """An empty table would say nothing."""
    assert "see interlock rollout start" in run("rollout", "status")[1]
    code, _, err = run("rollout", "status", "ecg")
    assert code == 3
    assert "there never was a rollout of ecg" in err
    assert run("rollout", "status", "--watch")[0] == 2


@pytest.mark.parametrize(("wrong", "code"), [(0.1, 0), (0.5, 1)])
def test_watch_goes_on_until_the_end_and_says_how_it_was(
    run: Run, world: World, wrong: float, code: int
) -> None:
    """A line for each step in a log, and an exit code for scripts: 0 only when promoted."""
    world.serve(300)
    begin(run)
    world.versions["1.1.0"] = Wrong(wrong=wrong)
    command = [sys.executable, "-m", "interlock.cli", "rollout", "status", "ecg", "--watch"]
    with subprocess.Popen([*command, "--json"], stdout=subprocess.PIPE, text=True) as watching:
        assert watching.stdout is not None
        first = json.loads(watching.stdout.readline())
        assert (first["status"], first["step"]) == ("running", "10%")
        world.run(60, 400)
        rest = [json.loads(line) for line in watching.stdout]
    assert watching.returncode == code
    assert rest[-1]["status"] == ("promoted" if code == 0 else "rolled back")
    assert rest[-1]["share"] == (1.0 if code == 0 else 0.0)


def test_watch_draws_the_whole_table_in_a_terminal(run: Run, world: World) -> None:
    """A person sees the findings as they change; the end is drawn last."""
    world.serve(300)
    begin(run)
    mine, theirs = pty.openpty()
    command = [sys.executable, "-m", "interlock.cli", "rollout", "status", "ecg", "--watch"]
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "120", "LINES": "50"}
    with subprocess.Popen(command, stdout=theirs, env=environment) as watching:
        os.close(theirs)
        seen = os.read(mine, 4096)
        world.run(3, 400)
        run("rollout", "abort", "ecg")
        with suppress(OSError):  # what Linux answers when the other side has closed
            while chunk := os.read(mine, 4096):
                seen += chunk
    os.close(mine)
    assert watching.returncode == 1
    for said in (b"running", b"quality", b"aborted, by ann"):
        assert said in seen


def test_explain_tells_every_decision(run: Run, world: World) -> None:
    """The events with their sentences; as JSON, with the figures of each."""
    world.versions["1.1.0"] = Wrong(wrong=0.4)
    world.serve(300)
    begin(run)
    world.run(30, 400)
    code, out, _ = run("rollout", "explain", "ecg")
    assert code == 0
    assert out.startswith("ecg: 1.1.0 instead of 1.0.0 by canary, rolled back\n")
    assert "a try" in out
    assert world.sentence() in out
    found = json.loads(run("rollout", "explain", "ecg", "--json")[1])
    assert [one["event"] for one in found["events"]] == ["started", "rolled back"]
    verdicts = {one["metric"]: one["verdict"] for one in found["events"][1]["analysis"]["findings"]}
    assert "failed" in verdicts.values()
    assert found["replay"] is None
    assert run("rollout", "explain", "ecg", "--version", "9.9.9")[0] == 3


def test_a_replay_agrees_until_the_journal_changes(run: Run, world: World) -> None:
    """The verdict can be checked from the journal; with rows gone it says that it differs."""
    world.serve(300)
    begin(run)
    world.run(3, 400)
    code, out, _ = run("rollout", "explain", "ecg", "--replay")
    assert code == 0
    assert "the same verdicts and figures again" in out
    with translated(world.engine), world.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM interlock_labels")
    code, out, _ = run("rollout", "explain", "ecg", "--replay")
    assert code == 1
    assert "other figures now" in out


def test_explain_tells_of_the_floor_as_well(run: Run, world: World, tmp_path: Path) -> None:
    """What the watch over the champion has seen belongs to the story of its version."""
    policy = POLICY + "window = 1e9\n[rollout.floor]\naccuracy = 0.85\n"
    (tmp_path / "interlock.toml").write_text(policy)
    begin(run, "--strategy", "recreate")
    world.controller().tick()
    world.versions["1.1.0"] = Wrong(wrong=0.4)
    world.run(1, 10)
    controller = world.controller()
    for _ in range(12):
        world.serve(300)
        controller.tick()
    out = run("rollout", "explain", "ecg")[1]
    assert "the watch over the floor of ecg" in out
    assert "1.1.0 is under its floor" in out


def test_history_lists_how_each_ended(run: Run, world: World) -> None:
    """The newest first, with the sentence that ended it."""
    begin(run)
    run("rollout", "abort", "ecg", "--reason", "one")
    begin(run, "--strategy", "shadow")
    out = run("rollout", "history", "ecg")[1].splitlines()
    assert len(out) == 3
    assert "shadow" in out[1]
    assert "aborted, by ann: one" in out[2]
    found = json.loads(run("rollout", "history", "ecg", "--json")[1])
    assert [one["status"] for one in found] == ["running", "aborted"]
    assert len(json.loads(run("rollout", "history", "ecg", "--limit", "1", "--json")[1])) == 1
