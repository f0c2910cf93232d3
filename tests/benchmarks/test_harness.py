"""The benchmark's own arithmetic and its care for processes; speed itself is not tested."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest
from harness import process, rounds
from harness.bars import Bar
from harness.load import Load
from harness.process import BenchmarkError

SLEEP = [sys.executable, "-c", "import os, time; os.fork(); time.sleep(60)"]


def load(rate: float) -> Load:
    """A run of one second with this many requests."""
    return Load(
        requests=round(rate), seconds=1.0, p50=0.0, p99=0.0, bad_status=0, broken=0, wrong=0
    )


def test_a_ratio_compares_runs_of_the_same_round() -> None:
    """A round in which the whole machine was slow changes no ratio."""
    ours, floor = [load(50), load(5), load(60)], [load(100), load(10), load(100)]
    assert rounds.ratio(ours, floor) == 0.5


@pytest.mark.parametrize(
    ("seen", "at_least", "met"), [(2.0, True, True), (1.9, True, False), (2.1, False, False)]
)
def test_a_bar_is_met_from_its_own_side(seen: float, at_least: bool, met: bool) -> None:
    """Speed must not fall under its bar, and latency must not rise above its own."""
    assert Bar("x", seen, 2.0, at_least).met is met


def test_every_server_takes_every_place_in_turn(tmp_path: Path) -> None:
    """Nobody is always measured right after the same neighbour."""
    with process.running("one", SLEEP, {}, tmp_path / "log") as one:
        servers = [one, one._replace(name="two"), one._replace(name="three")]
        first = [next(iter(rounds.rotated(servers, number))).name for number in range(3)]
    assert first == ["one", "two", "three"]


def test_a_server_and_its_children_end_with_the_block(tmp_path: Path) -> None:
    """Nothing that the benchmark started is left behind, even when it fails."""
    group: list[int] = []
    with pytest.raises(BenchmarkError, match="no luck"):
        _fail_beside_a_server(tmp_path / "log", group)
    assert len(group) == 2
    stop_at = time.monotonic() + 10  # the kernel takes its time
    while any(_alive(pid) for pid in group) and time.monotonic() < stop_at:
        time.sleep(0.01)
    assert not any(_alive(pid) for pid in group)


def test_a_server_that_ends_at_once_is_reported_with_its_log(tmp_path: Path) -> None:
    """Whoever runs the benchmark reads why a server did not start."""
    command, log = [sys.executable, "-c", "raise SystemExit('no such model')"], tmp_path / "log"
    with (
        process.running("broken", command, {}, log) as server,
        pytest.raises(BenchmarkError, match="no such model"),
    ):
        process.first_answer(server, b"{}", log)


def test_memory_of_a_process_is_what_the_kernel_says() -> None:
    """Twice the same process counts twice, and shared pages count in parts."""
    one, two = process.memory([os.getpid()]), process.memory([os.getpid()] * 2)
    assert one.proportional <= one.resident
    assert two.resident > 1.9 * one.resident > 1e6


def _fail_beside_a_server(log: Path, group: list[int]) -> None:
    with process.running("sleeper", SLEEP, {}, log) as server:
        pid = server.process.pid
        while not process.children(pid):
            time.sleep(0.01)
        group += [pid, *process.children(pid)]
        raise BenchmarkError("no luck")


def _alive(pid: int) -> bool:
    status = Path(f"/proc/{pid}/stat")
    return status.exists() and status.read_text().rpartition(")")[2].split()[0] != "Z"
