"""`interlock model`: what it prints, what it refuses and with which exit code."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from interlock import package
from interlock.cli import main

MakePackage = Callable[..., Path]
Run = Callable[..., str]


@pytest.fixture
def run(home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run `interlock model …` as Ann; returns what it printed, or fails when it should not."""
    monkeypatch.setenv("INTERLOCK_HOME", str(home))
    monkeypatch.setenv("INTERLOCK_ACTOR", "ann")

    def run(*arguments: str, exit_code: int = 0) -> str:
        with pytest.raises(SystemExit) as ended:
            main(["model", *arguments])
        printed = capsys.readouterr()
        assert ended.value.code == exit_code, printed.err
        return printed.err if exit_code else printed.out

    return run


@pytest.fixture
def released(run: Run, make_package: MakePackage) -> Run:
    """A registry with two versions, the first of which is champion."""
    run("register", str(make_package("ecg", "1.0.0", metrics={"test": {"accuracy": 0.97}})))
    run("register", str(make_package("ecg", "1.1.0", weights="new")))
    run("alias", "ecg", "1.0.0", "champion", "--reason", "first release")
    return run


def read(printed: str) -> Any:
    """What was printed, which must be JSON."""
    return json.loads(printed)


def test_a_new_registry_says_how_to_begin(run: Run) -> None:
    """An empty list is a sentence for people and an empty array for programs."""
    assert "interlock model register" in run("list")
    assert read(run("list", "--json")) == []


def test_register_prints_name_version_and_digest(run: Run, make_package: MakePackage) -> None:
    """The same both times, as the same package twice is one version."""
    path = make_package("ecg", "1.0.0")
    first = run("register", str(path))
    assert first == run("register", str(path))
    assert first.strip() == f"ecg:1.0.0 is registered ({package.read(path).digest})"
    assert read(run("register", str(path), "--json"))["number"] == 1


def test_list_shows_versions_and_their_aliases(released: Run, make_package: MakePackage) -> None:
    """All models, or one."""
    released("register", str(make_package("other")))
    lines = released("list").splitlines()
    assert len(lines) == 4
    assert lines[1].split()[:3] == ["ecg", "1.0.0", "champion"]
    assert [one["name"] for one in read(released("list", "--json"))] == ["ecg", "ecg", "other"]
    assert len(read(released("list", "other", "--json"))) == 1


def test_show_has_digest_and_metrics(released: Run) -> None:
    """One version in full, as a table and as JSON."""
    shown = released("show", "ecg")
    assert "test.accuracy" in shown
    assert "0.97" in shown
    found = read(released("show", "ecg@champion", "--json"))
    assert found["digest"] in shown
    assert found["metrics"] == {"test": {"accuracy": 0.97}}


def test_history_tells_who_moved_what_and_why(released: Run) -> None:
    """Periods in order; the first ends where the second begins."""
    released("alias", "ecg", "1.1.0", "champion", "--reason", "better recall")
    first, second = read(released("history", "ecg", "--json"))
    assert (first["version"], first["actor"], first["reason"]) == ("1.0.0", "ann", "first release")
    assert first["end"] == second["start"]
    table = released("history", "ecg")
    assert "better recall" in table
    assert "now" in table


def test_history_at_a_moment_shows_what_was_live_then(released: Run) -> None:
    """One period for each alias that was set, or a sentence that there was none."""
    released("alias", "ecg", "1.1.0", "champion", "--reason", "better recall")
    first, second = read(released("history", "ecg", "--json"))
    for period in (first, second):
        (then,) = read(released("history", "ecg", "--at", period["start"], "--json"))
        assert then["version"] == period["version"]
    assert "no alias of ecg was set at 2001" in released("history", "ecg", "--at", "2001-01-01")
    assert "is not a time" in released("history", "ecg", "--at", "noon", exit_code=2)


def test_an_alias_is_taken_away(released: Run) -> None:
    """Only from the version that is named, and with a reason."""
    refused = released(
        "alias", "ecg", "1.1.0", "champion", "--reason", "x", "--delete", exit_code=3
    )
    assert "is on ecg:1.0.0, not on 1.1.0" in refused
    released("alias", "ecg", "1.0.0", "champion", "--reason", "harmful", "--delete")
    (period,) = read(released("history", "ecg", "--json"))
    assert period["ended_because"] == "harmful"


def test_an_alias_needs_a_reason(released: Run) -> None:
    """The command line says which option is missing."""
    assert "--reason" in released("alias", "ecg", "1.0.0", "staging", exit_code=2)


def test_an_alias_of_mlflow_is_refused(released: Run) -> None:
    """With what to take instead, and the exit code for what cannot be."""
    said = released("alias", "ecg", "1.0.0", "latest", "--reason", "x", exit_code=2)
    assert "MLflow keeps it for itself" in said


def test_pull_prints_where_the_package_is(released: Run, home: Path, tmp_path: Path) -> None:
    """In the cache, or in the directory that was asked for."""
    path = Path(released("pull", "ecg").strip())
    assert path.parent == home / "cache"
    to = tmp_path / "here"
    found = read(released("pull", "ecg:1.0.0", "--to", str(to), "--json"))
    assert found == {"reference": "ecg:1.0.0", "path": str(to)}
    assert package.verify(to).digest == package.verify(path).digest
    assert "exists already" in released("pull", "ecg", "--to", str(to), exit_code=2)


def test_what_does_not_exist_is_one_line_with_what_does(released: Run) -> None:
    """No traceback, the exit code of the registry, and what there is."""
    said = released("show", "ecg@staging", exit_code=3)
    assert said == "interlock: there is no ecg@staging; ecg has: 1.0.0 (champion); 1.1.0\n"
