"""The crash benchmark: it finds what is lost, and finds nothing where nothing is."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from crashes.verdict import Recorded, judge

ROOT = Path(__file__).parents[2]
RECEIVED = {"a": 1, "b": 2, "c": 3}
WHOLE = [("a", 1), ("b", 2), ("c", 3), ("cut off", 4)]


@pytest.mark.parametrize(
    ("rows", "labels", "wrong"),
    [
        (WHOLE, ["a", "b"], {}),
        (WHOLE[1:], ["a"], {"lost": 1}),
        ([*WHOLE, ("a", 1)], ["a"], {"doubled": 1}),
        ([*WHOLE, ("again", 1)], ["a"], {"doubled": 1}),
        ([("a", 2), ("b", 1), *WHOLE[2:]], ["a"], {"mixed": 2}),
        (WHOLE, ["b"], {"labels_lost": 1}),
        (WHOLE, ["a", "a", "a"], {"labels_doubled": 2}),
    ],
)
def test_each_kind_of_trouble_is_told(
    rows: list[tuple[str, int]], labels: list[str], wrong: dict[str, int]
) -> None:
    """What is on record is held against what clients received, row by row."""
    found = judge(RECEIVED, {"a"}, Recorded(rows, labels))
    kinds = ("lost", "doubled", "mixed", "labels_lost", "labels_doubled")
    assert {kind: getattr(found, kind) for kind in kinds if getattr(found, kind)} == wrong
    assert found.good is (not wrong)


def test_a_run_without_answers_proves_nothing() -> None:
    """An empty record of nothing is not good news."""
    assert not judge({}, {"a"}, Recorded(WHOLE, ["a"])).good
    assert not judge(RECEIVED, set(), Recorded(WHOLE, [])).good


def crash(out: Path, rounds: int, **environment: str) -> tuple[int, dict[str, Any]]:
    """Exit status and figures of the real program."""
    command = [sys.executable, str(ROOT / "benchmarks" / "crash.py"), "--rounds", str(rounds)]
    done = subprocess.run(
        [*command, "--json", str(out)],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=110,
    )
    assert out.exists(), done.stderr
    figures: dict[str, Any] = json.loads(out.read_bytes())
    return done.returncode, figures


def test_killed_processes_lose_nothing(tmp_path: Path) -> None:
    """A few rounds on a real server; `make check` has a dozen."""
    status, figures = crash(tmp_path / "figures.json", rounds=3)
    assert (figures["lost"], figures["doubled"], figures["mixed"]) == (0, 0, 0)
    assert figures["answered"] > 60
    assert sum(figures["killed"].values()) == 3
    assert status == 0


def test_a_server_that_does_not_record_is_found_out(tmp_path: Path) -> None:
    """The same program ends with 1 where answers may leave without a record."""
    status, figures = crash(
        tmp_path / "figures.json",
        rounds=1,
        INTERLOCK_JOURNAL_WHEN_FULL="answer",
        INTERLOCK_JOURNAL_LIMIT="16384",
    )
    assert 0 < figures["lost"] <= figures["answered"]
    assert status == 1
