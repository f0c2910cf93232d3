"""Processes that run beside the story."""

from __future__ import annotations

import io
import os
import time
from pathlib import Path

import pytest
from rich.console import Console

from interlock.demo.processes import Processes
from interlock.demo.words import Words
from interlock.errors import InterlockError


def test_what_runs_beside_is_missed_when_it_ends(tmp_path: Path) -> None:
    """The story stops, names it, and shows what it said last."""
    (tmp_path / "ward.py").write_text("print('no beats left'); raise SystemExit(3)")
    text = io.StringIO()
    words = Words(Console(file=text, soft_wrap=True))
    with Processes(os.environ, 1.0, words) as processes:
        command = ["python", str(tmp_path / "ward.py")]
        process = processes.beside("the ward", command, tmp_path / "ward.log")
        process.wait()
        with pytest.raises(InterlockError, match="the ward ended with 3, see above"):
            processes.check()
    assert text.getvalue() == f"   $ python {tmp_path}/ward.py\n   no beats left\n"


def test_what_was_ended_on_purpose_is_not_missed(tmp_path: Path) -> None:
    """The ward closes, and the story goes on."""
    (tmp_path / "ward.py").write_text("import time; time.sleep(60)")
    with Processes(os.environ, 5.0, Words(Console(quiet=True))) as processes:
        command = ["python", str(tmp_path / "ward.py")]
        process = processes.beside("the ward", command, tmp_path / "ward.log")
        processes.check()
        began = time.monotonic()
        processes.end(process)
        assert time.monotonic() - began < 5
        processes.check()


def test_a_verdict_is_no_breakdown(tmp_path: Path) -> None:
    """Exit codes that are asked for are given back; any other stops the story."""
    (tmp_path / "gate.py").write_text("raise SystemExit(1)")
    command = ["python", str(tmp_path / "gate.py")]
    with Processes(os.environ, 1.0, Words(Console(quiet=True))) as processes:
        assert processes.run(command, codes=(0, 1, 2)) == 1
        with pytest.raises(InterlockError, match="ended with 1"):
            processes.run(command)
