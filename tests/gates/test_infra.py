"""The real server from the package alone: replayed, loaded, robbed of a worker, rolled back."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

import msgspec
import numpy as np
import pytest

from interlock.data.rows import Rows
from interlock.errors import EvidenceError
from interlock.evidence.scored import Scored
from interlock.gates import infra, isolation, replay, rollback, stress
from interlock.gates.load import Result, Sent
from interlock.gates.replay import Subject
from interlock.gates.server import Server, Victim, serving
from interlock.package import Package
from interlock.policy import Infra

from .staged import changed, make_case, version

RULES = Infra(rate=50, seconds=0.6)


@pytest.fixture
def champion(tmp_path_factory: pytest.TempPathFactory) -> Package:
    return version(tmp_path_factory, "1.0.0")


@pytest.fixture
def challenger(tmp_path_factory: pytest.TempPathFactory) -> Package:
    return version(tmp_path_factory, "1.1.0")


@pytest.fixture
def staging(challenger: Package, tmp_path: Path) -> Rows:
    """The staging rows of the project."""
    return make_case(tmp_path, challenger).staging()


def ranged(package: Package, place: Path, out_of_range: str) -> Package:
    """The package with a range for ages, and what is done with those outside."""
    signature = msgspec.json.decode((package.path / "signature.json").read_bytes())
    signature["out_of_range"] = out_of_range
    (age,) = [field for field in signature["inputs"] if field["name"] == "age"]
    age |= {"minimum": -100, "maximum": 200}
    return changed(package, place, "signature.json", msgspec.json.encode(signature))


def test_a_sound_version_passes_every_step(
    challenger: Package, champion: Package, tmp_path: Path
) -> None:
    """Replayed bit for bit, loaded, robbed of a worker, restarted, rolled back under load."""
    # Limits of time are for a machine that does much else at the same time.
    policy = "[gates.infra]\nrate = 50\nseconds = 0.6\nrestart = 60\nswap = 30"
    case = make_case(tmp_path, challenger, champion, policy)
    finding = infra.check(case)
    assert finding.verdict == "passed", finding.sentence
    steps = {step["step"]: step["what was seen"] for step in finding.figures["steps"]}
    assert list(steps) == [
        *("isolation", "replay", "quality", "load", "lost worker", "restart", "rollback")
    ]
    assert "bit for bit" in steps["replay"]
    assert "Rolled back to 1.0.0 under load" in steps["rollback"]
    figures = finding.figures
    assert figures["isolation"]["modules tried"] == ["train"]
    assert figures["replay"]["rows"] == len(case.staging())
    assert figures["load"]["failed"] == figures["rollback"]["failed"] == 0
    assert figures["quality"]["low"] < figures["quality"]["figure"] < figures["quality"]["high"]
    offline: Scored = case.score(challenger, case.staging())
    assert figures["quality"]["figure"] == pytest.approx(case.metric().of(offline))
    assert finding.look is None
    assert {plot.title for plot in finding.plots} >= {"Memory under load", "Latency under load"}


def test_other_answers_than_offline_fail(
    champion: Package, challenger: Package, staging: Rows, tmp_path: Path
) -> None:
    """A server that answers as another version does is found out: first row and both answers."""
    subject = Subject.of(challenger, staging)
    with serving(champion.path, tmp_path) as server:
        heard = replay.hear(server.url, subject)
    step = replay.judge(subject, heard, 0.0)
    assert step.verdict == "failed"
    first = f"Sent one by one, {len(staging)} of {len(staging)} rows are answered differently"
    assert step.sentence.startswith(first)
    assert f"row {staging.index[0]} of the data" in step.sentence
    assert " instead of " in step.sentence
    assert replay.judge(subject, heard, 1.0).verdict == (
        "failed" if step.figures["largest difference, one by one"] == "another label" else "passed"
    )


def test_the_last_bit_fails_unless_it_is_tolerated(
    challenger: Package, staging: Rows, tmp_path: Path
) -> None:
    """A tolerance of 0 means bit for bit, and a larger one says how far answers were apart."""
    subject = Subject.of(challenger, staging)
    with serving(challenger.path, tmp_path) as server:
        heard = replay.hear(server.url, subject)
    assert replay.judge(subject, heard, 0.0).verdict == "passed"
    chances = subject.together["probabilities"].copy()
    chances[5, 1] = np.nextafter(chances[5, 1], np.float32(1))
    odd = {**subject.together, "probabilities": chances}
    moved = Subject(
        challenger, subject.rows, subject.feed, subject.alone, odd, refused=subject.refused
    )
    step = replay.judge(moved, heard, 0.0)
    assert step.verdict == "failed"
    assert "Sent 32 at a time, 1 of" in step.sentence
    assert f"row {staging.index[5]} of the data" in step.sentence
    assert "within 1e-06" in replay.judge(moved, heard, 1e-6).sentence


@pytest.mark.parametrize(("rule", "refused"), [("reject", 1), ("clip", 0), ("flag", 0)])
def test_rows_outside_their_range_are_treated_as_the_signature_says(
    challenger: Package, staging: Rows, tmp_path: Path, rule: str, refused: int
) -> None:
    """Refused by the server and counted, or clipped by it as offline scoring clips."""
    package = ranged(challenger, tmp_path / "ranged", rule)
    features = staging.features.copy()
    features.loc[3, "age"] = 5000.0  # type: ignore[union-attr]
    rows = Rows(features=features, truth=staging.truth, index=staging.index)
    subject = Subject.of(package, rows)
    with serving(package.path, tmp_path) as server:
        heard = replay.hear(server.url, subject)
    step = replay.judge(subject, heard, 0.0)
    assert step.verdict == "passed", step.sentence
    assert step.figures["refused"] == refused == heard.refused
    assert step.figures["rows"] == len(rows) - refused


def test_a_server_that_takes_what_its_signature_refuses_fails(
    challenger: Package, staging: Rows, tmp_path: Path
) -> None:
    """A row out of range must be turned away, not answered."""
    features = staging.features.copy()
    features.loc[3, "age"] = 5000.0  # type: ignore[union-attr]
    rows = Rows(features=features, truth=staging.truth, index=staging.index)
    subject = Subject.of(ranged(challenger, tmp_path / "ranged", "reject"), rows)
    with serving(challenger.path, tmp_path) as server:
        heard = replay.hear(server.url, subject)
    step = replay.judge(subject, heard, 0.0)
    assert step.verdict == "failed"
    assert step.sentence == "The server took 1 rows that its signature refuses."


def test_rows_that_are_all_refused_are_no_evidence(
    challenger: Package, staging: Rows, tmp_path: Path
) -> None:
    """There is nothing to replay, and the error says so."""
    package = ranged(challenger, tmp_path / "ranged", "reject")
    features = staging.features.assign(age=5000.0)  # type: ignore[union-attr]
    rows = Rows(features=features, truth=staging.truth, index=staging.index)
    with pytest.raises(EvidenceError, match="accepts none of the"):
        Subject.of(package, rows)


def test_a_server_in_reach_of_the_training_code_fails(challenger: Package, tmp_path: Path) -> None:
    """Run from the project's own folder, it could import what it must not need."""
    case = make_case(tmp_path, challenger)
    place = case.folder / "served"
    (place / "work").mkdir(parents=True)
    (place / "work" / "package").symlink_to(challenger.path)
    with Server(place, ["--package", "package"]) as server:
        inside = isolation.look(server, case.folder, case.scratch)
        elsewhere = isolation.look(server, tmp_path / "elsewhere", case.scratch)
    assert inside.verdict == "failed"
    assert f"runs in {place / 'work'}" in inside.sentence
    seen = "\n".join(inside.figures["seen"])
    assert f"has {place / 'server.log'} open" in seen
    assert f"was started with INTERLOCK_HOME={place}" in seen
    assert elsewhere.verdict == "passed", elsewhere.sentence


def test_what_is_installed_is_not_the_projects(tmp_path: Path) -> None:
    """An environment may lie in the project's folder, and so may the scratch directory."""
    project = isolation.Project(tmp_path, tmp_path / "scratch")
    assert project.owns(str(tmp_path / "train.py"))
    assert not project.owns(str(tmp_path / "scratch" / "package" / "model.onnx"))
    assert not project.owns("/usr/lib/libc.so")
    assert not project.owns("socket:[1]")
    around = isolation.Project(Path(infra.__file__).parents[3], tmp_path)
    assert not around.owns(infra.__file__)


def test_a_server_that_dies_under_load_fails(
    challenger: Package, staging: Rows, tmp_path: Path
) -> None:
    """Requests that fail are counted, and the first reason is told."""
    asked = stress.requests(Subject.of(challenger, staging))
    with serving(challenger.path, tmp_path) as server:
        pids = server.processes()
        end = threading.Timer(1.0, lambda: [*map(kill, pids)])
        end.start()
        step = stress.steady(server, asked, Infra(rate=50, seconds=3))
        end.join()
    assert step.verdict == "failed"
    assert "requests failed under load (allowed: 0.00%): POST http://127.0.0.1" in step.sentence
    assert 0 < step.figures["failed"] <= step.figures["requests"]


def test_memory_that_grows_is_the_last_minus_the_first() -> None:
    """Three looks at either end, so that one odd look decides nothing."""
    assert stress.growth_of([10, 900, 10, 50, 110, 110, 0]) == 100


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)


def sent(due: float, status: int = 200, number: str = "1.0.0", latency: float = 0.001) -> Sent:
    return Sent(due, latency, status, number if status == 200 else "")


def result(*requests: Sent) -> Result:
    return Result(began=0.0, ended=9.0, sent=list(requests), troubles=["cut off"])


def test_a_dead_worker_takes_along_only_what_it_had_in_hand() -> None:
    """A request sent after it was gone must not fail, nor more than it had connections."""
    victim = Victim(pid=1, connections=2, gone=1.0)
    in_hand = result(sent(0.5), sent(0.99, 0), sent(0.995, 0), sent(1.5))
    assert stress.lost_too_much(in_hand, victim) == []
    after = result(sent(0.99, 0), sent(1.5, 0))
    (trouble,) = stress.lost_too_much(after, victim)
    assert "sent after the killed worker was gone, the first 0.50 s later: cut off" in trouble
    many = result(sent(0.9, 0), sent(0.91, 0), sent(0.92, 0))
    (trouble,) = stress.lost_too_much(many, victim)
    assert "3 requests were lost with a worker that held 2 connections" in trouble


@pytest.mark.parametrize(
    ("requests", "trouble"),
    [
        ([sent(0.5, number="1.1.0"), sent(2.0)], ""),
        ([sent(0.5, number="1.1.0"), sent(8.0, number="1.1.0"), sent(8.5)], "7.00 s after"),
        ([sent(0.5, number="1.1.0"), sent(1.2, number="1.1.0")], "still answered by 1.1.0"),
        ([sent(0.5, number="1.1.0"), sent(2.0, 500), sent(2.5)], "1 of 3 requests failed"),
        ([sent(2.0)], "nothing is known"),
    ],
)
def test_a_rollback_is_judged_by_every_answer(requests: list[Sent], trouble: str) -> None:
    """The former version must answer all that come in time, and nobody may be turned away."""
    step = rollback.judge(result(*requests), 1.0, "1.0.0", RULES)
    assert step.verdict == ("failed" if trouble else "passed")
    assert trouble in step.sentence


def test_with_nothing_live_there_is_nothing_to_roll_back_to(
    challenger: Package, tmp_path: Path
) -> None:
    """The first version passes, and so does the one that is live itself."""
    first = rollback.rehearse(make_case(tmp_path, challenger))
    assert (first.verdict, first.sentence[:21]) == ("passed", "Nothing is live yet, ")
    same = rollback.rehearse(make_case(tmp_path, challenger, challenger))
    assert (same.verdict, same.sentence[:27]) == ("passed", "This version is live alread")


def test_a_broken_signature_leaves_no_request_for_both(
    challenger: Package, champion: Package, tmp_path: Path
) -> None:
    """Golden examples are sent around a rollback only if callers of both versions may send them."""
    assert len([*rollback.common(champion, challenger)]) == len(champion.golden().records) * 2
    text = (challenger.path / "signature.json").read_text().replace('"age"', '"years"')
    signature = msgspec.json.decode(text, type=type(challenger.signature))
    other = Package(challenger.path, challenger.manifest, signature, "sha256:0")
    assert [*rollback.common(champion, other)] == []
    assert rollback.judge_unasked(1.0, "1.0.0", RULES).verdict == "passed"
    assert rollback.judge_unasked(9.0, "1.0.0", RULES).verdict == "failed"
