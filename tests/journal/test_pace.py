"""Who gives way when the machine is busy, and for how long."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from interlock.journal import lane, pace
from interlock.journal.pace import Spent
from interlock.settings import Settings

from .spooled import answer, kept, name, shipping, until, write

CROWDED = Spent(worked=0.1, waited=0.9)
SPIN = "import time\nend = time.time() + 30\nwhile time.time() < end: pass"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A journal of its own, shipped to SQLite."""
    return Settings(home=tmp_path)


def now(ago: float = 0.0) -> int:
    """The moment `ago` seconds ago."""
    return time.time_ns() // 1000 - int(ago * 1e6)


def work(seconds: float) -> Spent:
    """Keep a core busy, and see what that took."""
    before, end = pace.spent(), time.thread_time() + seconds
    while time.thread_time() < end:
        pass
    return pace.spent().since(before)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells who waits for a core")
def test_a_thread_knows_what_it_waits_for_a_core() -> None:
    """Alone it has one whenever it wants; beside two others on the same core, a third of it."""
    here = os.sched_getaffinity(0)
    command = ["taskset", "-c", str(min(here)), sys.executable, "-c", SPIN]
    others = [subprocess.Popen(command) for _ in range(2)]
    try:
        os.sched_setaffinity(0, {min(here)})
        crowded = work(0.3)
    finally:
        os.sched_setaffinity(0, here)
        for other in others:
            other.kill()
            other.wait()
    assert crowded.worked == pytest.approx(0.3, abs=0.1)
    assert crowded.waited > crowded.worked
    assert pace.rest(crowded, 0.0) > 0


@pytest.mark.parametrize("age", [0.0, pace.LATE / 3])
def test_what_is_not_late_takes_little_of_a_busy_machine(age: float) -> None:
    """Its share, whatever it was."""
    rested = pace.rest(CROWDED, age)
    assert CROWDED.worked / (CROWDED.worked + rested) == pytest.approx(pace.SHARE)


@pytest.mark.parametrize("age", [0.0, 1.0, pace.LATE, 3600.0])
def test_no_rest_makes_a_record_late(age: float) -> None:
    """However long the work was: what comes next is about as old as what was moved last."""
    rested = pace.rest(Spent(worked=60.0, waited=600.0), age)
    assert rested == max(0.0, pace.LATE - age)


def test_a_machine_with_room_is_used() -> None:
    """Nobody is helped by rests on an idle core."""
    assert pace.rest(Spent(worked=1.0, waited=0.2), 0.0) == 0


def test_a_record_from_the_future_is_not_held_back() -> None:
    """Its clock was set back since: nobody knows how long it has waited."""
    assert pace.rest(CROWDED, -3600.0) == 0


@pytest.mark.parametrize("told", [None, "", "0 0 0 0\n", "much\n"])
def test_where_waiting_is_not_told_nothing_is_held_back(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, told: str | None
) -> None:
    """Not every system says it, nor as Linux does."""
    if told is not None:
        (tmp_path / "schedstat").write_text(told)
    monkeypatch.setattr(pace, "Path", lambda _path: tmp_path / "schedstat")
    assert pace.rest(pace.spent(), 0.0) == 0


def test_a_lane_rests_for_what_is_fresh_and_hurries_for_what_is_late(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pieces of one record: those of an hour ago all go at once, the two of now do not."""
    monkeypatch.setattr(lane, "_CHUNK", 1)
    monkeypatch.setattr(pace, "spent", Crowd())
    old = [answer(number, moment=now(3600)) for number in range(20)]
    write(settings.spool(), *old, answer(20, moment=now()), answer(21, moment=now()))
    with shipping(settings):
        until(lambda: len(kept(settings)) == 21)
        time.sleep(0.5)
        assert name(21) not in kept(settings)
        began = time.monotonic()
    assert kept(settings)[-1] == name(21)  # whoever stops it does not wait for its rest
    assert time.monotonic() < began + 5


class Crowd:
    """Every look at the clock is a second of work on a busy machine later."""

    def __init__(self) -> None:
        self._looks = 0

    def __call__(self) -> Spent:
        self._looks += 1
        return Spent(self._looks * 1.0, self._looks * 9.0)
