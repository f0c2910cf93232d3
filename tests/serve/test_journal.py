"""Every answer is on record before it leaves: real servers, killed, starved and misled."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Self

import httpx
import numpy as np
import pytest

from interlock import settings
from interlock.journal import payload, segments
from interlock.journal.hashing import Hasher
from tests.journal.clocks import Clock
from tests.journal.disks import fill, mounted

from .conftest import Running, serving
from .moody import record
from .recorded import ids, rows

BEAT = [0.5, -0.25, 1, 0, 2, -2, 0.125, 4]
RECORD = {"beat": BEAT}
CALL = {"inputs": [{"name": "beat", "shape": [1, 8], "datatype": "FP32", "data": BEAT}]}


def ask(server: Running, body: Any = RECORD, address: str = "/predict", **headers: str) -> Any:
    named = {f"Interlock-{name.capitalize()}": value for name, value in headers.items()}
    return server.client.post(address, json=body, headers=named)


def samples(server: Running) -> dict[str, float]:
    """Metrics that have no labels, or one sink."""
    lines = server.client.get("/metrics").text.splitlines()
    return {
        line.split()[0]: float(line.split()[1])
        for line in lines
        if line.startswith("interlock_journal")
    }


@pytest.mark.parametrize("engine", ["inline", "thread"])
def test_every_door_records_what_it_answers(
    beat_package: Path, tmp_path: Path, engine: str
) -> None:
    """A row each, with the numbers that the model saw and the answer that the caller got."""
    before = time.time()
    with serving(tmp_path, "--package", str(beat_package), engine=engine) as server:
        one = ask(server, key="bed 7", caller="ward").json()
        two = ask(server, [RECORD, {"beat": [0.0] * 8}]).json()
        infer = ask(server, CALL, "/v2/models/beat/infer").json()
        hasher = Hasher(settings.Settings(home=tmp_path))
        server.stop()
    kept = {row["id"]: row for row in rows(tmp_path)}
    v2_id = infer["parameters"]["prediction_id"]
    answered = [one["prediction_id"], *(answer["prediction_id"] for answer in two), v2_id]
    assert list(kept) == answered
    assert [kept[id_]["door"] for id_ in answered] == ["plain", "plain", "plain", "v2"]
    assert {(row["deployment"], row["version"]) for row in kept.values()} == {("beat", "1.0.0")}
    for answer in [one, *two]:
        read = payload.read(kept[answer["prediction_id"]]["payload"])
        assert read.answer == {key: answer[key] for key in ("label", "confidence", "probabilities")}
    np.testing.assert_array_equal(
        payload.read(kept[v2_id]["payload"]).inputs["beat"], np.array(BEAT, np.float32)
    )
    first = kept[answered[0]]
    assert first["key"] == hasher.hash("bed 7", "key")
    assert first["subject"] == hasher.hash("bed 7", "subject")
    assert (first["caller"], kept[v2_id]["caller"]) == ("ward", None)
    assert before < first["moment"] / 1e6 < time.time()
    assert 0 < first["latency"] < 5


def test_a_subject_of_its_own_goes_before_the_key(beat_package: Path, tmp_path: Path) -> None:
    """Requests are routed by one name and may be about another; neither stands there in clear."""
    with serving(tmp_path, "--package", str(beat_package)) as server:
        ask(server, key="bed-seven", subject="Jane-Q")
        ask(server, subject="Jane-Q")
        hasher = Hasher(settings.Settings(home=tmp_path))
        server.stop()
    first, second = rows(tmp_path)
    assert first["subject"] == second["subject"] == hasher.hash("Jane-Q", "subject")
    assert (first["key"], second["key"]) == (hasher.hash("bed-seven", "key"), None)
    everything = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert b"Jane-Q" not in everything
    assert b"bed-seven" not in everything


def test_names_that_are_too_long_are_refused(beat_package: Path, tmp_path: Path) -> None:
    """256 bytes of UTF-8 are enough for everybody; what is none is said to be none."""
    with serving(tmp_path, "--package", str(beat_package)) as server:
        for name in ("Interlock-Key", "Interlock-Subject", "Interlock-Caller"):
            good = server.client.post("/predict", json=RECORD, headers={name: "x" * 256})
            assert good.status_code == 200
            for value in (b"x" * 257, b"\xff\xfe"):
                bad = server.client.post("/predict", json=RECORD, headers=[(name.encode(), value)])
                assert bad.status_code == 400
                assert bad.json()["error"]["message"] == f"header {name} is not readable"


@pytest.mark.parametrize(
    ("failures", "codes", "bodies"),
    [
        ("off", [], []),
        ("code", ["wrong_shape", "method_not_allowed"], [None, None]),
        ("body", ["wrong_shape", "method_not_allowed"], [b'{"beat":[1]}', b""]),
    ],
)
def test_failures_are_recorded_as_the_settings_say(
    beat_package: Path, tmp_path: Path, failures: str, codes: list[str], bodies: list[bytes | None]
) -> None:
    """Not at all, by their code, or with what could not be answered."""
    with serving(tmp_path, "--package", str(beat_package), journal_failures=failures) as server:
        assert ask(server, {"beat": [1]}, caller="ward").status_code == 400
        assert server.client.get("/predict").status_code == 405
        server.stop()
    kept = rows(tmp_path, "failures")
    assert [row["code"] for row in kept] == codes
    assert [row["body"] for row in kept] == bodies
    assert [row["caller"] for row in kept] == ["ward", None][: len(kept)]
    assert {row["version"] for row in kept} <= {"1.0.0"}
    assert ids(tmp_path) == []


class Load:
    """Callers that keep asking, and note every id that they receive."""

    def __init__(self, server: Running, callers: int = 4) -> None:
        self._url = server.url
        self._ended = threading.Event()
        self.received: list[str] = []
        self._threads = [threading.Thread(target=self._ask) for _ in range(callers)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def _ask(self) -> None:
        client = httpx.Client(base_url=self._url, timeout=10)
        while not self._ended.is_set():
            try:
                answer = client.post("/predict", json=RECORD)
            except httpx.TransportError:
                client.close()
                client = httpx.Client(base_url=self._url, timeout=10)
                time.sleep(0.05)
                continue
            self.received.append(answer.json()["prediction_id"])
        client.close()


@pytest.mark.parametrize("sync", ["never", "always"])
def test_a_killed_worker_loses_nothing_that_a_caller_received(
    beat_package: Path, tmp_path: Path, sync: str
) -> None:
    """SIGKILL in the midst of the load, again and again: every id is on record, once."""
    with serving(tmp_path, "--package", str(beat_package), workers=2, journal_sync=sync) as server:
        with Load(server) as load:
            for _ in range(4):
                time.sleep(0.2)
                ready = [worker["pid"] for worker in server.workers() if worker["pid"]]
                os.kill(ready[0], signal.SIGKILL)
                server.wait_for(lambda: server.client.get("/health/ready").status_code == 200)
        server.stop()
    kept = ids(tmp_path)
    assert len(load.received) > 100
    assert set(load.received) - set(kept) == set()
    assert len(set(kept)) == len(kept)


def test_a_killed_server_can_be_started_again_at_once(beat_package: Path, tmp_path: Path) -> None:
    """Its workers end by themselves; whoever follows waits for that, and nothing is lost."""
    beat = ("--package", str(beat_package))
    with serving(tmp_path, *beat, workers=2) as server, Load(server) as load:
        time.sleep(0.3)
        server.process.kill()
        server.process.wait()
        with serving(tmp_path, *beat) as next_one:
            last = ask(next_one).json()["prediction_id"]
            next_one.stop()
    assert set(load.received) | {last} <= set(ids(tmp_path))


def test_answers_that_cannot_be_recorded_are_refused(beat_package: Path, tmp_path: Path) -> None:
    """503 with Retry-After through every door, counted; and answers again when there is room."""
    with (
        mounted(tmp_path / "disk", "size=1m") as disk,
        serving(
            tmp_path, "--package", str(beat_package), journal_home=str(disk / "journal")
        ) as server,
    ):
        assert ask(server).status_code == 200
        ballast = fill(disk)
        server.wait_for(lambda: ask(server, [RECORD] * 50).status_code == 503)
        plain, v2 = ask(server, [RECORD] * 50), ask(server, CALL, "/v2/models/beat/infer")
        assert (plain.status_code, v2.status_code) == (503, 503)
        assert plain.headers["retry-after"] == v2.headers["retry-after"] == "1"
        assert plain.json()["error"]["code"] == "journal_full"
        assert v2.json()["error"].startswith("journal_full: ")
        assert ask(server, {"beat": [1]}).status_code == 400
        seen = samples(server)
        assert seen["interlock_journal_refused_total"] >= 2
        assert seen["interlock_journal_unrecorded_total"] == 0
        assert 'model_errors_total{code="journal_full",model="beat"}' in (
            server.client.get("/metrics").text
        )
        predictions = server.client.get("/metrics").text.partition("model_predictions_total{")[2]
        answered = float(predictions.partition("} ")[2].split()[0])
        ballast.unlink()
        server.wait_for(lambda: ask(server).status_code == 200)
        assert "No space left on device" in server.log()
        assert server.log().count("the journal takes no records") < 10
    assert answered < 100


def test_answers_go_unrecorded_only_where_that_is_wanted(
    beat_package: Path, tmp_path: Path
) -> None:
    """They are counted, and the log says so; what was recorded before stays."""
    with (
        mounted(tmp_path / "disk", "size=1m") as disk,
        serving(
            tmp_path,
            "--package",
            str(beat_package),
            journal_home=str(disk / "journal"),
            journal_when_full="answer",
        ) as server,
    ):
        first = ask(server).json()["prediction_id"]
        ballast = fill(disk)
        unrecorded = []
        server.wait_for(lambda: samples(server)["interlock_journal_unrecorded_total"] == 0)
        for _ in range(60):
            answer = ask(server, [RECORD] * 20)
            assert answer.status_code == 200
            unrecorded += [row["prediction_id"] for row in answer.json()]
        missed = samples(server)["interlock_journal_unrecorded_total"]
        assert missed > 50
        assert samples(server)["interlock_journal_refused_total"] == 0
        assert "given without a record" in server.log()
        ballast.unlink()
        time.sleep(0.3)
        last = ask(server).json()["prediction_id"]
        server.stop()
        assert segments.listed(disk / "journal") == []
    kept = set(ids(tmp_path))
    assert {first, last} <= kept
    assert len(set(unrecorded) - kept) == missed * 20


def test_a_spool_that_nobody_empties_fills_up(beat_package: Path, tmp_path: Path) -> None:
    """A database that cannot be reached costs only spool space, until the limit of that."""
    with serving(
        tmp_path,
        "--package",
        str(beat_package),
        database="sqlite:////dev/null/x.db",
        journal_limit="20000",
    ) as server:
        server.wait_for(lambda: server.client.get("/health").json()["journal"]["sinks"] != [])
        answers = [ask(server) for _ in range(300)]
        good = [answer.status_code for answer in answers].index(503)
        assert 50 < good < 300
        assert {answer.status_code for answer in answers[good:]} == {503}
        assert "INTERLOCK_JOURNAL_LIMIT=20000" in server.log()
        said = server.client.get("/health").json()["journal"]
        assert 15_000 < said["spool_bytes"] <= 20_000
        server.wait_for(
            lambda: server.client.get("/health").json()["journal"]["sinks"][0]["lag_bytes"] > 15_000
        )
        (sink,) = server.client.get("/health").json()["journal"]["sinks"]
        assert (sink["up"], sink["shipped"]) == (False, 0)
        assert sink["reason"]
        seen = samples(server)
        name = sink["name"]
        assert seen[f'interlock_journal_sink_up{{sink="{name}"}}'] == 0
        assert seen[f'interlock_journal_lag_bytes{{sink="{name}"}}'] > 15_000


def test_health_and_metrics_say_how_far_the_journal_has_come(
    beat_package: Path, tmp_path: Path
) -> None:
    """Frames and bytes by the workers; lag and shipped records by the shipper."""
    with serving(tmp_path, "--package", str(beat_package), workers=2) as server:
        for _ in range(5):
            ask(server)
        name = 'interlock_journal_shipped_total{sink="sql"}'
        server.wait_for(lambda: samples(server).get(name) == 5)
        seen = samples(server)
        assert seen["interlock_journal_frames_total"] == 5
        assert seen["interlock_journal_bytes_total"] == seen["interlock_journal_spool_bytes"] > 500
        assert seen['interlock_journal_sink_up{sink="sql"}'] == 1
        assert seen['interlock_journal_lag_bytes{sink="sql"}'] == 0
        said = server.client.get("/health").json()["journal"]
        assert (said["shipper"], said["damaged"], said["orphans"]) == ("up", 0, 0)
        assert said["sinks"][0] | {"lag_seconds": 0} == {
            "name": "sql",
            "up": True,
            "reason": None,
            "lag_bytes": 0,
            "lag_seconds": 0,
            "shipped": 5,
        }


def test_a_quiet_server_keeps_nothing_in_its_spool(beat_package: Path, tmp_path: Path) -> None:
    """A segment that has become old is ended, shipped and deleted, though nothing follows it."""
    with serving(tmp_path, "--package", str(beat_package), journal_segment_age="0.5") as server:
        ask(server)
        server.wait_for(
            lambda: (
                samples(server).get('interlock_journal_shipped_total{sink="sql"}') == 1
                and segments.listed(tmp_path / "journal") == []
            )
        )


def test_a_journal_that_is_off_leaves_nothing_behind(beat_package: Path, tmp_path: Path) -> None:
    """No file, no shipper, no lock; two such servers share one home."""
    with (
        serving(tmp_path, "--package", str(beat_package), journal="off") as server,
        serving(tmp_path, "--package", str(beat_package), journal="off") as other,
    ):
        assert ask(server).status_code == ask(other).status_code == 200
        assert server.client.get("/health").json()["journal"] is None
        assert "interlock_journal_spool_bytes" not in server.client.get("/metrics").text
        children = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children")
        assert len(children.read_text().split()) == 1
        assert not (tmp_path / "journal").exists()
        assert not (tmp_path / "interlock.db").exists()
        assert not (tmp_path / "keys").exists()


def start(home: Path, package: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """A server that is expected to end by itself."""
    named = {f"INTERLOCK_{name.upper()}": value for name, value in environment.items()}
    return subprocess.run(
        [sys.executable, "-m", "interlock.cli", "serve", "--package", str(package), "--port", "0"],
        env={**os.environ, "INTERLOCK_HOME": str(home), **named},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_second_server_on_a_journal_is_refused(beat_package: Path, tmp_path: Path) -> None:
    """It says who has it and what to set; the first goes on, and a home of its own is enough."""
    with serving(tmp_path, "--package", str(beat_package)) as server:
        second = start(tmp_path, beat_package)
        assert second.returncode == 3
        for word in (str(server.process.pid), "INTERLOCK_JOURNAL_HOME", "INTERLOCK_JOURNAL=off"):
            assert word in second.stderr
        assert ask(server).status_code == 200
        other = str(tmp_path / "other")
        with serving(tmp_path, "--package", str(beat_package), journal_home=other) as third:
            assert ask(third).status_code == 200


def test_a_directory_that_cannot_be_written_is_found_at_the_start(
    beat_package: Path, tmp_path: Path
) -> None:
    """Not with the first request: the server ends, and names the directory and the settings."""
    with mounted(tmp_path / "disk", "size=64k") as disk:
        segments.folder(disk).mkdir()
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        ended = start(tmp_path / "home", beat_package, journal_home=str(disk))
        assert ended.returncode == 3
        assert f"{disk}/spool cannot be written: no permission, or read-only" in ended.stderr
        assert "INTERLOCK_JOURNAL_HOME" in ended.stderr


def test_a_limit_that_holds_no_segment_is_refused_at_the_start(
    beat_package: Path, tmp_path: Path
) -> None:
    """Otherwise every single request would be refused for it."""
    ended = start(tmp_path, beat_package, journal_limit="16383")
    assert ended.returncode == 2
    assert "INTERLOCK_JOURNAL_LIMIT='16383'" in ended.stderr
    assert ">= 16384" in ended.stderr


def test_a_spool_that_somebody_deletes_is_made_anew(beat_package: Path, tmp_path: Path) -> None:
    """The server goes on recording, with what comes after it was noticed."""
    with serving(tmp_path, "--package", str(beat_package), journal_segment_age="0.5") as server:
        ask(server)
        shutil.rmtree(segments.folder(tmp_path / "journal"))
        time.sleep(2)
        answer = ask(server)
        assert answer.status_code == 200
        server.stop()
    assert answer.json()["prediction_id"] in ids(tmp_path)


def test_a_clock_set_back_loses_and_doubles_nothing(
    beat_package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hours back while the server runs, and once more before it is started again."""
    clock = Clock(tmp_path / "clock")
    for name, value in clock.environment.items():
        monkeypatch.setenv(name, value)
    received, hours = [], []

    def some(server: Running, shift: int) -> None:
        clock.shift(shift)
        for _ in range(20):
            received.append(ask(server).json()["prediction_id"])
            hours.append(shift)

    home = tmp_path / "home"
    with serving(
        home, "--package", str(beat_package), journal_segment_size="3000", drain="1"
    ) as server:
        for shift in (0, -5, 2):
            some(server, shift)
        server.stop()
    clock.shift(-9)
    with serving(home, "--package", str(beat_package), drain="1") as server:
        some(server, -9)
        server.stop()
    # The library breaks Python's sleeping, and with it the shipper: this one does without.
    monkeypatch.delenv("LD_PRELOAD")
    with serving(home, "--package", str(beat_package)) as server:
        some(server, 0)
        server.stop()
    kept = {row["id"]: row["moment"] for row in rows(home)}
    assert sorted(kept) == sorted(received)
    assert [round((kept[id_] / 1e6 - time.time()) / 3600) for id_ in received] == hours


def test_requests_of_many_callers_are_each_recorded_once(
    moody_package: Path, tmp_path: Path
) -> None:
    """Some fail in the model, some are wrong, all in the same turns as others that are answered."""
    choices = [n % 4 for n in range(400)]  # 0 and 1 are answered, 2 and 3 make the model fail
    with serving(tmp_path, "--package", str(moody_package), engine="inline") as server:
        with ThreadPoolExecutor(16) as pool:
            answers = list(pool.map(lambda choice: ask(server, record(choice)), choices))
        server.stop()
    good = [answer.json()["prediction_id"] for answer in answers if answer.status_code == 200]
    assert len(good) == 200
    assert sorted(good) == sorted(ids(tmp_path))
    assert [row["code"] for row in rows(tmp_path, "failures")] == ["internal_error"] * 200
