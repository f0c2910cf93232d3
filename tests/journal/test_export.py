from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from interlock.errors import ConfigurationError, JournalError
from interlock.journal import export
from interlock.journal.prediction import Prediction


def prediction(number: int, *, sealed: bool = False) -> Prediction:
    """One that says something in every field, or one that is sealed."""
    return Prediction(
        id=f"id {number}",
        time="2026-11-21T12:00:00.000001Z",
        deployment="ecg",
        version="1.0.0",
        arm="live",
        door="plain",
        key="6b",
        subject=None,
        latency=0.001,
        caller='says "hi", twice\n',
        sealed=sealed,
        label=None if sealed else "normal",
        score=None if sealed else 0.75,
        inputs=None if sealed else {"beat": [0.5, -1.0]},
        answer=None if sealed else {"label": "normal"},
        flags=None if sealed else {},
        primary_id=None,
    )


SAID = [prediction(1), prediction(2, sealed=True)]


def test_json_lines_hold_everything(tmp_path: Path) -> None:
    """One object a line, inputs and answers as they were sent."""
    assert export.write(tmp_path / "x.jsonl", SAID) == 2
    first, second = map(json.loads, (tmp_path / "x.jsonl").read_text().splitlines())
    assert first["inputs"] == {"beat": [0.5, -1.0]}
    assert (second["sealed"], second["inputs"], second["id"]) == (True, None, "id 2")


def test_csv_can_be_read_back(tmp_path: Path) -> None:
    """Quotes and line ends are no trouble; what is nested is JSON."""
    assert export.write(tmp_path / "x.csv", SAID) == 2
    with (tmp_path / "x.csv").open(newline="") as file:
        first, second = csv.DictReader(file)
    assert first["caller"] == 'says "hi", twice\n'
    assert json.loads(first["inputs"]) == {"beat": [0.5, -1.0]}
    assert (second["sealed"], second["inputs"], second["score"]) == ("True", "", "")


def test_parquet_has_types(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Times are times, numbers are numbers, over several row groups."""
    monkeypatch.setattr(export, "_BATCH", 1)
    assert export.write(tmp_path / "x.parquet", SAID) == 2
    frame = pd.read_parquet(tmp_path / "x.parquet")
    assert str(frame["time"][0]) == "2026-11-21 12:00:00.000001+00:00"
    assert (frame["score"][0], frame["sealed"].tolist()) == (0.75, [False, True])
    assert json.loads(frame["inputs"][0]) == {"beat": [0.5, -1.0]}


@pytest.mark.parametrize("suffix", export.FORMS)
def test_an_export_is_for_its_owner_only(tmp_path: Path, suffix: str) -> None:
    """It holds opened payloads."""
    path = tmp_path / f"x{suffix}"
    export.write(path, SAID)
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("suffix", export.FORMS)
def test_an_interrupted_export_leaves_no_file(tmp_path: Path, suffix: str) -> None:
    """What stood there before is still there, and nothing half beside it."""
    path = tmp_path / f"x{suffix}"
    path.write_text("before")

    def interrupted() -> Iterator[Prediction]:
        yield SAID[0]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export.write(path, interrupted())
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("suffix", export.FORMS)
def test_no_prediction_is_a_file_without_any(tmp_path: Path, suffix: str) -> None:
    """Programs that read it find none, rather than no file."""
    assert export.write(tmp_path / f"x{suffix}", []) == 0
    assert (tmp_path / f"x{suffix}").exists()


def test_a_name_that_says_no_form_is_refused(tmp_path: Path) -> None:
    """Before anything is read or written."""
    with pytest.raises(ConfigurationError, match=r"ends in \.jsonl, \.csv, \.parquet"):
        export.write(tmp_path / "x.xlsx", SAID)


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    """With the reason that the system gives."""
    with pytest.raises(JournalError, match=r"x\.csv cannot be written: No such file"):
        export.write(tmp_path / "none" / "x.csv", SAID)
