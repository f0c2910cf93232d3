"""`interlock gate`: exit codes, tables, evidence and reports."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from interlock.cli import main
from interlock.cli.gate import EXIT
from interlock.policy import GATES
from interlock.registry import Registry
from tests.gates.conftest import Project
from tests.gates.conftest import waves as waves  # noqa: PLC0414 - a fixture, used by its name

Run = Callable[..., str]
PATIENT = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
from interlock.cli import main
main()
"""
MORE = '[metrics]\nprimary = "accuracy"\n[gates.champion]\nmargin = 0.05\n'


@pytest.fixture
def project(
    waves: Project, home: Path, tmp_path: Path, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A directory with a policy, where two versions are registered and the first is live."""
    monkeypatch.setenv("INTERLOCK_HOME", str(home))
    monkeypatch.setenv("INTERLOCK_ACTOR", "ann")
    monkeypatch.chdir(tmp_path)
    for version in ("1.0.0", "1.0.1"):
        registry.register(waves.packages[version].path)
    registry.set_alias("waves", "champion", "1.0.0", "first")
    text = waves.text.replace("waves.npz", str(waves.folder / "waves.npz"))
    (tmp_path / "interlock.toml").write_text(text + MORE)


@pytest.fixture
def run(project: None, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run `interlock gate …` in the project."""

    def run(*arguments: str, exit_code: int = 0) -> str:
        with pytest.raises(SystemExit) as ended:
            main(["gate", *arguments])
        printed = capsys.readouterr()
        assert ended.value.code == exit_code, printed.err + printed.out
        return printed.out or printed.err

    return run


def test_a_run_prints_records_and_reports(run: Run, registry: Registry, tmp_path: Path) -> None:
    """One line a gate, the path of the page, and evidence about exactly this package."""
    printed = run("run", "waves", "1.0.1", "--gate", "signature", "--gate", "champion")
    assert [line.split()[:2] for line in printed.splitlines()[1:3]] == [
        ["signature", "passed"],
        ["champion", "passed"],
    ]
    page = tmp_path / "gates" / "waves-1.0.1" / "report.html"
    assert str(page.relative_to(tmp_path)) in printed
    assert page.is_file()
    version = registry.resolve("waves:1.0.1")
    evidence = registry.evidence("waves", version.digest)
    assert set(evidence) == {"signature", "champion"}
    assert evidence["champion"].champion == registry.resolve("waves").digest
    assert list((registry._settings.home / "artifacts").rglob("gates/*/report.html"))
    assert "champion" in run("show", "waves", "1.0.1")
    shown = json.loads(run("show", "waves", "1.0.1", "--json"))
    assert [one["gate"] for one in shown] == ["signature", "champion"]


def test_the_verdict_is_the_exit_code(run: Run, tmp_path: Path) -> None:
    """Inconclusive is 2, and what could not look is 3."""
    policy = tmp_path / "strict.toml"
    policy.write_text(
        (tmp_path / "interlock.toml").read_text().replace("margin = 0.05", "margin = 0.0")
    )
    strict = ("run", "waves", "1.0.1", "--gate", "champion", "--policy", "strict.toml")
    assert "inconclusive" in run(*strict, exit_code=2)
    missing = ("--gate", "champion", "--holdout", "gone.npz")
    assert "gone.npz" in run("run", "waves", "1.0.1", *missing, exit_code=3)
    assert EXIT == {"passed": 0, "failed": 1, "inconclusive": 2, "error": 3}


def test_a_tampered_file_in_the_registry_fails_integrity(
    run: Run, home: Path, registry: Registry
) -> None:
    """The copy in the cache is gone, and what the registry has is another."""
    (card,) = [
        path
        for path in (home / "artifacts").rglob("card.md")
        if "1.0.1" in (path.parent / "manifest.json").read_text()
    ]
    card.write_text("# Another card")
    printed = run("run", "waves", "1.0.1", "--gate", "integrity", "--gate", "floor", exit_code=1)
    assert "card.md does not match its digest" in printed
    assert "Not looked at" in printed
    evidence = registry.evidence("waves", registry.resolve("waves:1.0.1").digest)
    assert evidence["integrity"].verdict == "failed"


def test_a_damaged_champion_keeps_nobody_from_looking_at_the_challenger(
    run: Run, home: Path, registry: Registry, tmp_path: Path
) -> None:
    """Gates that need the champion say which it is and what to do; the others look."""
    (card,) = [
        path
        for path in (home / "artifacts").rglob("card.md")
        if "1.0.0" in (path.parent / "manifest.json").read_text()
    ]
    card.write_text("# Another card")
    gates = ("integrity", "signature", "champion", "floor", "infra")
    named = [word for gate in gates for word in ("--gate", gate)]
    printed = " ".join(run("run", "waves", "1.0.1", *named, exit_code=3).split())
    assert "The champion, 1.0.0, cannot be had" in printed
    assert (tmp_path / "gates" / "waves-1.0.1" / "report.html").is_file()
    digest = registry.resolve("waves:1.0.1").digest
    found = registry.evidence("waves", digest)
    verdicts = [found[gate].verdict for gate in gates]
    assert verdicts == ["passed", "error", "error", "passed", "error"]
    for gate in ("signature", "champion", "infra"):
        assert "card.md does not match its digest" in found[gate].sentence
        assert "interlock model rollback waves" in found[gate].sentence
    assert found["champion"].champion == registry.resolve("waves@champion").digest
    assert found["champion"].look is None


def test_json_is_the_report(run: Run, tmp_path: Path) -> None:
    """For programs that would rather read a pipe."""
    out = ("--out", str(tmp_path / "there"), "--json")
    document = json.loads(run("run", "waves", "1.0.1", "--gate", "signature", *out))
    assert document["verdict"] == "passed"
    assert json.loads((tmp_path / "there" / "report.json").read_text()) == document


def test_what_cannot_be_asked_is_refused(run: Run, tmp_path: Path) -> None:
    """An unknown gate, the policy of another model: 3, as 1 and 2 would be verdicts."""
    assert "there is no gate 'gold'" in run("run", "waves", "1.0.1", "--gate", "gold", exit_code=3)
    other = (tmp_path / "interlock.toml").read_text().replace('"waves"', '"tides"')
    (tmp_path / "other.toml").write_text(other)
    said = run("run", "waves", "1.0.1", "--policy", "other.toml", exit_code=3)
    assert "of the model 'tides'" in said
    assert "no policy file" in run("run", "waves", "1.0.1", "--policy", "none.toml", exit_code=3)
    assert "there is no waves:9.9.9" in run("run", "waves", "9.9.9", exit_code=3)


def test_a_run_of_no_gate_at_all_is_refused(run: Run, tmp_path: Path) -> None:
    """A policy that needs none finds nothing out: that is no verdict, not even inconclusive."""
    policy = (tmp_path / "interlock.toml").read_text() + "[gates.needs]\nstaging = []\n"
    (tmp_path / "idle.toml").write_text(policy)
    idle = ("run", "waves", "1.0.1", "--policy", "idle.toml", "--to", "staging")
    said = run(*idle, exit_code=3)
    assert "no gate was named, and idle.toml needs none for staging" in said
    assert "no gate was run" in run("show", "waves", "1.0.1")
    assert "passed" in run(*idle, "--gate", "signature")


@pytest.mark.parametrize("wrong", [("--gates", "floor"), ("--to", "gold"), ()])
def test_a_command_line_that_cannot_be_read_is_no_verdict(run: Run, wrong: tuple[str, ...]) -> None:
    """Whoever lets `inconclusive` pass must not let a slip of the pen pass."""
    assert "Usage" in run("run", "waves", *(("1.0.1", *wrong) if wrong else ()), exit_code=3)


def test_a_report_that_cannot_be_written_is_told_at_once(run: Run, tmp_path: Path) -> None:
    """Not after the minute that the gates take, and before anything is on record."""
    (tmp_path / "file").write_text("")
    for place in ("file", "file/below"):
        assert "no report can be written" in run(
            "run", "waves", "1.0.1", "--out", place, exit_code=3
        )
    assert "no gate was run" in run("show", "waves", "1.0.1")


def test_a_gate_is_one_line_no_longer_than_its_words(run: Run) -> None:
    """In a pipe, nothing is folded, cut or filled up."""
    printed = run("run", "waves", "1.0.1", "--gate", "signature", "--gate", "champion")
    lines = printed.splitlines()
    assert [line.split()[0] for line in lines[:3]] == ["gate", "signature", "champion"]
    assert lines == [line.rstrip() for line in lines]
    assert len(lines[1]) < 100 < len(lines[2])


def test_the_list_has_every_gate(run: Run) -> None:
    """With what the policy needs it for."""
    rows = json.loads(run("list", "--json"))
    assert tuple(row["gate"] for row in rows) == GATES
    assert rows[-1]["needed_for"] == "champion"
    assert "no gate was run" in run("show", "waves", "1.0.0")


@pytest.mark.parametrize(("call", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_run_that_is_ended_leaves_nothing_behind(
    project: None, tmp_path: Path, call: signal.Signals, code: int
) -> None:
    """No server, no scratch files, and no verdict: neither passed nor failed."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    # A background job of a shell without job control would ignore SIGINT, and so would its child.
    command = [sys.executable, "-c", PATIENT, "gate", "run", "waves", "1.0.1", "--gate", "parity"]
    process = subprocess.Popen(command, env={**os.environ, "TMPDIR": str(scratch)})
    while not (logs := list(scratch.rglob("server.log"))):
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(call)
    assert process.wait(30) == code
    assert logs
    assert list(scratch.iterdir()) == []
    environments = (environment(path) for path in Path("/proc").iterdir() if path.name.isdigit())
    assert not any(str(scratch).encode() in found for found in environments)


def environment(process: Path) -> bytes:
    try:
        return (process / "environ").read_bytes()
    except OSError:
        return b""
