"""The parts of a project: one call from the policy to rows that may be used."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from interlock.data import parts
from interlock.errors import LeakageError

from .policies import written


def frame(start: int, count: int) -> pd.DataFrame:
    """Rows that are all different."""
    return pd.DataFrame({"x": range(start, start + count), "label": ["a", "b"] * (count // 2)})


def test_a_file_takes_the_place_of_the_holdout_and_nothing_else_moves(tmp_path: Path) -> None:
    """Rows of the file are the holdout; all other parts stay as they were without it."""
    frame(0, 100).to_csv(tmp_path / "rows.csv", index=False)
    frame(1000, 6).to_csv(tmp_path / "new.csv", index=False)
    data = 'source = "rows.csv"'
    before = parts.read(written(data=data), tmp_path)
    after = parts.read(written(data=f'{data}\nholdout = "new.csv"'), tmp_path)
    assert len(after["holdout"]) == 6
    assert after.keys() == before.keys()
    for name in ("train", "validation", "test", "staging"):
        assert after[name].digest == before[name].digest


def test_a_holdout_file_that_was_trained_on_is_refused(tmp_path: Path) -> None:
    """Rows of the file that are in another part leak, and are named."""
    frame(0, 100).to_csv(tmp_path / "rows.csv", index=False)
    frame(0, 100).to_csv(tmp_path / "new.csv", index=False)
    policy = written(data='source = "rows.csv"\nstaging = "new.csv"')
    with pytest.raises(LeakageError, match="rows of staging have the same features"):
        parts.read(policy, tmp_path)


def test_twins_in_the_source_are_found(tmp_path: Path) -> None:
    """A source with every row twice cannot be split by row."""
    pd.concat([frame(0, 100), frame(0, 100)]).to_csv(tmp_path / "rows.csv", index=False)
    with pytest.raises(LeakageError, match=r"row \d+ of train is row \d+ of"):
        parts.read(written(data='source = "rows.csv"'), tmp_path)
