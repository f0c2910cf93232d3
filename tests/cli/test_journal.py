from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pandas as pd
import pytest

from interlock.cli import main
from interlock.journal import seal, status
from interlock.journal.hashing import Hasher
from interlock.journal.record import Record, Row
from interlock.journal.sinks.sql import SqlSink
from interlock.journal.status import SinkStatus, Status
from interlock.settings import PREFIX, Settings, read
from tests.journal.privacy import master_key
from tests.journal.spooled import DAY, NOON, answer, failure, name, payload, write

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs `interlock journal …` in a home of its own: exit code, output, standard error."""
    for variable in [key for key in os.environ if key.startswith(PREFIX)]:
        monkeypatch.delenv(variable)
    monkeypatch.setenv("INTERLOCK_HOME", str(tmp_path))
    monkeypatch.setenv("INTERLOCK_ACTOR", "ann")

    def call(*arguments: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as stopped:
            main(["journal", *map(str, arguments)])
        out, err = capsys.readouterr()
        return int(stopped.value.code or 0), out, err

    return call


def fill(*records: Record) -> Settings:
    """Put records into the database of the settings in force."""
    settings = read()
    sink = SqlSink(settings.database_url(), "journal")
    sink.cursors()
    sink.write("segment", records, 1)
    sink.close()
    return settings


def numbers(out: str) -> list[int]:
    """Which predictions JSON output holds."""
    return [int(found["id"][-12:]) for found in json.loads(out)]


def test_status_says_what_waits_and_why(run: Run, tmp_path: Path) -> None:
    """Sinks, their lag and their trouble, damage and orphans: without any database."""
    code, out, _ = run("status")
    assert (code, out.splitlines()[0]) == (0, f"the spool in {tmp_path}/journal holds 0 bytes")
    assert "nothing was ever shipped" in out
    assert json.loads(run("status", "--json")[1])["sinks"][0]["up"] is False
    size = write(tmp_path / "journal", answer(1)).stat().st_size
    down = SinkStatus(name="parquet", up=False, reason="no room [left]", lag_bytes=12345)
    sinks = [SinkStatus(name="sql", shipped=7), down]
    seen = Status(moment=time.time(), pid=4711, sinks=sinks, damaged=2, orphans=3)
    status.write(tmp_path / "journal", seen)
    _, out, _ = run("status")
    lines = [line.split() for line in out.splitlines()]
    assert out.startswith(f"the spool in {tmp_path}/journal holds {size} bytes\n")
    assert "the shipper is process 4711" in out
    assert ["sql", "up", "0", "bytes,", "0.0", "s", "7"] in lines
    assert any(line[:3] == ["parquet", "down", "12,345"] for line in lines)
    assert "no room [left]" in out
    assert "2 damaged places" in out
    assert "3 labels wait for predictions" in out
    said = json.loads(run("status", "--json")[1])
    assert (said["running"], said["spool_bytes"], said["damaged"]) == (True, size, 2)
    assert said["sinks"][1]["reason"] == "no room [left]"


def test_a_shipper_that_is_gone_is_not_said_to_run(run: Run, tmp_path: Path) -> None:
    """Its last words are dated."""
    size = write(tmp_path / "journal", answer(1)).stat().st_size
    sinks = [SinkStatus(name="sql", shipped=7)]
    status.write(tmp_path / "journal", Status(moment=time.time() - 120, pid=4711, sinks=sinks))
    assert "no shipper is at work: the last one was seen 12" in run("status")[1]
    said = json.loads(run("status", "--json")[1])
    (sink,) = said["sinks"]
    assert (said["running"], sink["up"], sink["lag_bytes"]) == (False, False, size)


def test_tail_shows_the_last_predictions(run: Run) -> None:
    """A line each for people, everything for programs."""
    assert run("tail") == (0, "no prediction is on record\n", "")
    fill(*(answer(number, moment=NOON + number) for number in range(20)))
    _, out, _ = run("tail", "-n", 3)
    assert [line.split()[1] for line in out.splitlines()[1:]] == [name(17), name(18), name(19)]
    assert out.splitlines()[-1].split()[2:] == ["ecg:1.0.0", "plain", "normal", "0.75", "1.00"]
    assert numbers(run("tail", "--json")[1]) == list(range(10, 20))
    assert numbers(run("tail", "--json", "--deployment", "malaria")[1]) == []


def test_tail_says_what_waits_where_nothing_was_shipped_yet(run: Run, tmp_path: Path) -> None:
    """Whoever asks within a second of the first answer is not told that there was none."""
    write(tmp_path / "journal", failure(1))
    assert run("tail")[1] == "no prediction is on record\n"
    write(tmp_path / "journal", answer(1))
    assert "nothing has been shipped yet; 1 answer waits in the spool." in run("tail")[1]
    write(tmp_path / "journal", answer(2), answer(3))
    said = " ".join(run("tail")[1].split())
    assert "nothing has been shipped yet; 3 answers wait in the spool." in said
    assert "see `interlock journal status`" in said
    assert run("tail", "--deployment", "ecg")[1] == "no prediction is on record\n"
    assert run("tail", "--json")[1] == "[]\n"
    fill(answer(1))
    assert "wait" not in run("tail")[1]


def test_tail_follows_what_comes(run: Run, tmp_path: Path) -> None:
    """Each prediction once, as it is shipped, until somebody has seen enough."""
    fill(answer(1, moment=NOON))
    process = subprocess.Popen(
        [sys.executable, "-m", "interlock.cli", "journal", "tail", "--follow", "--json"],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert json.loads(process.stdout.readline())["id"] == name(1)
    fill(answer(3, moment=NOON + 1000))
    assert json.loads(process.stdout.readline())["id"] == name(3)
    fill(answer(2, moment=NOON + 500))  # another worker's, which came late
    assert json.loads(process.stdout.readline())["id"] == name(2)
    process.send_signal(signal.SIGINT)
    assert process.communicate()[0] == ""


def test_query_finds_by_everything_that_is_known(run: Run) -> None:
    """Also by routing key and subject, of which only hashes are on record."""
    hasher = Hasher(read())
    about = Row(name(3), payload(), subject=hasher.hash("Ann", "subject"))
    settings = fill(
        answer(1, key=hasher.hash("bed 7", "key"), moment=NOON),
        answer(2, version="2.0.0", moment=NOON + DAY),
        msgspec.structs.replace(answer(3, deployment="malaria"), rows=[about]),
    )
    found: dict[tuple[str, ...], list[int]] = {
        (): [1, 3, 2],
        ("--key", "bed 7"): [1],
        ("--key", "bed 8"): [],
        ("--subject", "Ann"): [3],
        ("--version", "2.0.0"): [2],
        ("--deployment", "ecg", "--until", "2025-11-22"): [1],
        ("--since", "2025-11-21T12:00:01Z"): [2],
        ("--limit", "1"): [2],
    }
    for options, expected in found.items():
        assert numbers(run("query", *options, "--json")[1]) == expected, options
    said = json.loads(run("query", "--key", "bed 7", "--json")[1])[0]
    assert said["inputs"]["age"] == 61
    assert said["answer"] == {"label": "normal", "confidence": 0.75}
    assert b"bed 7" not in Path(settings.home, "interlock.db").read_bytes()


def test_a_time_that_is_none_is_refused(run: Run) -> None:
    """With the form that would do."""
    code, _, err = run("query", "--since", "noon")
    assert (code, "write it as 2026-01-31" in err) == (2, True)


@pytest.mark.parametrize(
    "arguments",
    [
        ("query", "--limit", "9" * 23),
        ("tail", "-n", "9" * 20),
        ("failures", "--limit", "9" * 20),
        ("prune", "--keep", "inf"),
        ("prune", "--keep", "nan"),
    ],
)
def test_a_number_beyond_all_measure_is_refused(run: Run, arguments: tuple[str, ...]) -> None:
    """By its name, before a database is asked."""
    code, _, err = run(*arguments)
    assert code == 2
    assert arguments[1] in err or "journal_keep" in err.lower()


def test_the_oldest_date_is_a_time(run: Run) -> None:
    """Though no clock ever showed it."""
    fill(answer(1, moment=NOON))
    assert numbers(run("query", "--since", "0001-01-01", "--json")[1]) == [1]


def test_failures_are_shown(run: Run) -> None:
    """What was refused, and why."""
    assert run("failures")[1] == "no failure is on record\n"
    fill(failure(1), failure(2, deployment="malaria", status=503, code="overloaded"))
    assert "wrong_shape" in run("failures")[1]
    (said,) = json.loads(run("failures", "--deployment", "malaria", "--json")[1])
    assert (said["status"], said["code"], said["id"]) == (503, "overloaded", name(2))


def sealed(number: int) -> Record:
    """A prediction that is sealed by the settings in force."""
    sealer = seal.of(read())
    stored, key = sealer.seal(b"s" * 16, name(number), payload())
    sealer.close()
    return msgspec.structs.replace(
        answer(number), rows=[Row(name(number), stored, subject=b"s" * 16, seal=key)]
    )


def test_sealed_predictions_are_opened_where_the_key_is(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without it they are shown as sealed, and nothing of them."""
    monkeypatch.setenv("INTERLOCK_MASTER_KEY", str(master_key()))
    fill(sealed(1))
    opened = json.loads(run("query", "--json")[1])[0]
    assert (opened["sealed"], opened["label"], opened["inputs"]["age"]) == (False, "normal", 61)
    monkeypatch.delenv("INTERLOCK_MASTER_KEY")
    assert "sealed" in run("tail")[1]
    shut = json.loads(run("query", "--json")[1])[0]
    values = [shut[field] for field in ("label", "score", "inputs", "answer", "flags")]
    assert (shut["sealed"], values) == (True, [None] * 5)


@pytest.mark.parametrize("form", ["jsonl", "csv", "parquet"])
def test_export_writes_what_is_asked_for(run: Run, tmp_path: Path, form: str) -> None:
    """Into a file of each form, in the order of time."""
    fill(*(answer(number, moment=NOON - number) for number in range(5)), answer(9, version="2"))
    file = tmp_path / f"x.{form}"
    code, out, _ = run("export", file, "--version", "1.0.0")
    assert (code, out) == (0, f"5 predictions are in {file}\n")
    readers: dict[str, Callable[..., Any]] = {
        "csv": pd.read_csv,
        "jsonl": lambda path: pd.read_json(path, lines=True),
        "parquet": pd.read_parquet,
    }
    assert readers[form](file)["id"].tolist() == [name(number) for number in (4, 3, 2, 1, 0)]


def test_an_export_that_can_open_goes_into_the_audit_log(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Who took readable data out is on record; without a key there is nothing to tell."""
    monkeypatch.setenv("INTERLOCK_MASTER_KEY", str(master_key()))
    fill(sealed(1))
    run("export", tmp_path / "x.jsonl")
    assert json.loads((tmp_path / "x.jsonl").read_text())["answer"]["label"] == "normal"
    with pytest.raises(SystemExit):
        main(["audit", "list", "--json"])
    said = json.loads(capsys.readouterr().out)[-1]
    assert (said["act"], said["actor"]) == ("journal export", "ann")
    assert said["about"] == f"predictions into {tmp_path / 'x.jsonl'}"


def test_prune_asks_how_much_and_says_what_went(run: Run) -> None:
    """By an option, or by the settings; with neither it refuses."""
    recent = time.time_ns() // 1000
    fill(answer(1, moment=recent - 10 * DAY), answer(2, moment=recent))
    code, _, err = run("prune")
    assert (code, "INTERLOCK_JOURNAL_KEEP" in err) == (2, True)
    _, out, _ = run("prune", "--keep", 5 * 86_400)
    assert out.splitlines()[1].split()[:3] == ["sql", "1", "predictions"]
    assert numbers(run("query", "--json")[1]) == [2]
    said = json.loads(run("prune", "--keep-size", 10**9, "--json")[1])
    assert (said[0]["place"], said[0]["before"]) == ("sql", None)
