from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from interlock import policy
from interlock.cli import main
from interlock.policy import schema

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs `interlock policy …` in an empty project: exit code, output, standard error."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as stopped:
            main(["policy", *map(str, arguments)])
        out, err = capsys.readouterr()
        return int(stopped.value.code or 0), out, err

    return call


def write(text: str) -> None:
    """The project's policy file."""
    Path("interlock.toml").write_text(f"model.name = 'ecg'\n{text}")


def test_check_of_a_good_file_says_what_it_will_do(run: Run) -> None:
    """Name, rows, gates and rollout, on a few lines."""
    write("data.source = 'beats.parquet'")
    code, out, _ = run("check")
    first, *lines = out.splitlines()
    assert (code, first) == (0, "interlock.toml is good")
    said = dict(line.strip().split("  ", 1) for line in lines)
    assert said["rows"].strip() == "beats.parquet, answer in label"
    assert said["rollout"].strip() == "canary: 5%, 10%, 25%, 50%, 100%"


def test_check_of_a_bad_file_ends_with_two_and_names_every_problem(run: Run) -> None:
    """All problems are on standard error, and nothing else is printed."""
    write("splits.train = 0.9\nrollout.steps = [0.5]\n[gates.floor.bounds]\nacuracy = 1")
    code, out, err = run("check")
    assert (code, out) == (2, "")
    first, *problems = err.splitlines()
    assert first == "interlock: interlock.toml has 3 problems:"
    assert [line.split()[0] for line in problems] == ["splits:", "rollout.steps", "unknown"]


def test_check_as_json_carries_problems_for_programs(run: Run) -> None:
    """A CI step reads them one by one, and the exit code is the same."""
    write("tune.trials = 0")
    code, out, _ = run("check", "--json")
    assert code == 2
    assert json.loads(out) == {
        "file": "interlock.toml",
        "good": False,
        "problems": ["tune.trials = 0; allowed: a whole number, 1 or more"],
    }
    write("")
    code, out, _ = run("check", "--json")
    said = json.loads(out)
    assert (code, said["good"], said["problems"]) == (0, True, [])
    assert said["digest"] == policy.read().digest


def test_check_of_another_file_names_that_file(run: Run, tmp_path: Path) -> None:
    """The file may be anywhere; brackets in its name are not markup."""
    other = tmp_path / "[bold]" / "other.toml"
    other.parent.mkdir()
    other.write_text("model.name = 'ecg'")
    assert run("check", other)[1].splitlines()[0] == f"{other} is good"
    other.write_text("")
    assert run("check", other)[2] == f"interlock: {other}: model is missing\n"


@pytest.mark.parametrize("command", ["check", "show"])
def test_without_a_file_the_way_to_get_one_is_told(run: Run, command: str) -> None:
    """A first call in the wrong directory is an error of configuration."""
    code, _, err = run(command)
    assert code == 2
    assert "no policy file interlock.toml; `interlock init NAME` writes a project" in err


def test_show_fills_in_the_defaults_and_is_a_policy_file(run: Run) -> None:
    """What is shown can take the place of the file."""
    write("[gates.floor.bounds]\n'recall:r-on-t' = 0.5\n[data]\ndrop = ['[red]']")
    before = policy.read()
    code, out, _ = run("show")
    assert code == 0
    assert "# Chance of promoting a version" in out
    assert tomllib.loads(out)["rollout"]["alpha_promote"] == 0.05
    Path("interlock.toml").write_text(out)
    assert policy.read() == before


def test_show_as_json_is_the_same_policy(run: Run) -> None:
    """Programs get what people get."""
    write("splits.seed = 7")
    _, out, _ = run("show", "--json")
    shown = json.loads(out)
    assert shown["splits"]["seed"] == 7
    assert shown == tomllib.loads(run("show")[1])


def test_schema_is_the_published_one(run: Run) -> None:
    """An editor can be given what this release reads."""
    code, out, _ = run("schema")
    assert (code, out) == (0, schema.text())


def test_reading_a_policy_loads_nothing_heavy() -> None:
    """Every command that reads the policy starts as fast as before."""
    script = "import sys; from interlock import policy; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    assert loaded & {"numpy", "pandas", "jinja2", "rich", "typer", "jsonschema"} == set()
