"""`interlock model`: what it prints, what it refuses and with which exit code."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from interlock import package
from interlock.cli import main
from interlock.evidence.verdict import Verdict
from interlock.registry import Evidence, Registry
from interlock.settings import Settings

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


def test_list_shows_who_was_made_champion_without_interlock(
    released: Run, registry: Registry
) -> None:
    """Before anybody has looked, and when it is on record; our own moves bear no such mark."""
    released("alias", "ecg", "1.1.0", "challenger", "--reason", "next")
    registry._backend._client.set_registered_model_alias("ecg", "champion", "2")
    for look in (lambda: None, lambda: released("history", "ecg")):
        look()
        first, second = read(released("list", "--json"))
        assert (first["aliases"], first["foreign"]) == ([], [])
        assert (second["foreign"], second["forced"]) == (["champion"], [])
        told = " ".join(released("list").split())
        assert "champion (without evidence: not by Interlock)" in told
        assert "challenger (" not in told
    released("alias", "ecg", "1.0.0", "champion", "--reason", "back", "--force")
    assert "(forced)" in released("list")
    assert "not by Interlock" not in released("list")


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
    released("alias", "ecg", "1.1.0", "champion", "--reason", "better recall", "--force")
    first, second = read(released("history", "ecg", "--json"))
    assert (first["version"], first["actor"], first["reason"]) == ("1.0.0", "ann", "first release")
    assert first["end"] == second["start"]
    table = released("history", "ecg")
    assert "better recall" in table
    assert "now" in table


def test_history_at_a_moment_shows_what_was_live_then(released: Run) -> None:
    """One period for each alias that was set, or a sentence that there was none."""
    released("alias", "ecg", "1.1.0", "champion", "--reason", "better recall", "--force")
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
    released("alias", "ecg", "1.1.0", "staging", "--reason", "look")
    released("alias", "ecg", "1.1.0", "staging", "--reason", "done", "--delete")
    assert released("history", "ecg").splitlines()[-1].split()[:2] == ["staging", "none"]


def test_the_champion_is_taken_away_by_force_alone(released: Run) -> None:
    """The history tells who did it, when and why, the status as long as it is so."""
    words = ("alias", "ecg", "1.0.0", "champion", "--reason", "harmful", "--delete")
    refused = released(*words, exit_code=1)
    assert "ecg:1.0.0 is champion of ecg: nobody who asks for ecg would be answered" in refused
    assert "interlock model rollback ecg" in refused
    released(*words, "--force")
    first, away = read(released("history", "ecg", "--json"))
    assert (first["end"], first["ended_because"]) == (away["start"], "harmful")
    for command in ("history", "status"):
        line = released(command, "ecg").splitlines()[-1]
        assert line.split()[:3] == ["champion", "none", away["start"]]
        assert line.split()[-4:] == ["taken", "away,", "forced", "harmful"]
    assert "no alias of ecg was set" in released("history", "ecg", "--at", away["start"])


def test_the_champions_alias_is_moved_on_evidence_or_by_force(judged: Run, home: Path) -> None:
    """By hand it takes the same gates as a promotion, also while there is no champion."""
    words = ("alias", "ecg", "1.1.0", "champion", "--reason", "better")
    assert "  champion: inconclusive" in judged(*words, exit_code=1)
    judged("alias", "ecg", "1.0.0", "champion", "--reason", "harmful", "--delete", "--force")
    assert "  champion: inconclusive" in judged(*words, exit_code=1)
    registry = Registry(Settings(home=home, actor="ann"))
    _, version = registry.versions("ecg")
    change: dict[str, Any] = {"verdict": "passed", "champion": None}
    found = registry.evidence("ecg", version.digest).values()
    registry.record([msgspec.structs.replace(one, **change) for one in found])
    registry.close()
    judged(*words)
    assert read(judged("history", "ecg", "--json"))[-1]["forced"] is False
    judged("alias", "ecg", "1.0.0", "champion", "--reason", "I know better", "--force")
    assert "alias, forced" in judged("status", "ecg")


def test_without_a_champion_the_last_ones_rules_hold(judged: Run, home: Path) -> None:
    """Taking it away frees nobody: a gate that it needed is dropped, not forgotten."""
    judged("promote", "ecg", "1.1.0", "--to", "champion", "--force", "--reason", "why not")
    judged("alias", "ecg", "1.1.0", "champion", "--reason", "harmful", "--delete", "--force")
    registry = Registry(Settings(home=home, actor="ann"))
    first, second = registry.versions("ecg")
    found = registry.evidence("ecg", second.digest)["integrity"]
    change: dict[str, Any] = {
        "version": "1.0.0",
        "digest": first.digest,
        "champion": None,
        "policy": "sha256:lax",
        "needs": {"staging": [], "champion": ["integrity"]},
    }
    registry.record([msgspec.structs.replace(found, **change)])
    registry.close()
    said = judged("promote", "ecg", "1.0.0", "--to", "champion", exit_code=1)
    assert "  champion: dropped; 1.1.0 became champion under a policy that needs it" in said


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


@pytest.fixture
def judged(released: Run, home: Path) -> Iterator[Run]:
    """The second version with evidence: integrity passed, against the champion of now."""
    registry = Registry(Settings(home=home, actor="ann"))
    champion, version = registry.versions("ecg")
    registry.spend("sha256:holdout", "champion", "a", 0.05)
    registry.record(
        [
            Evidence(
                name="ecg",
                version="1.1.0",
                digest=version.digest,
                champion=champion.digest,
                gate=gate,
                verdict=verdict,
                sentence=f"{gate} says so.",
                holdout="sha256:holdout",
                policy="sha256:p",
                needs={"staging": ["integrity"], "champion": ["integrity", "champion"]},
                run="run-1",
            )
            for gate, verdict in GATES
        ]
    )
    yield released
    registry.close()


GATES: tuple[tuple[str, Verdict], ...] = (("integrity", "passed"), ("champion", "inconclusive"))


def test_promote_moves_the_alias_when_the_gates_allow_it(judged: Run) -> None:
    """Staging needs less than the champion; the history says by which command."""
    assert judged("promote", "ecg", "1.1.0", "--to", "staging") == "staging is ecg:1.1.0\n"
    last = read(judged("history", "ecg", "--json"))[-1]
    assert (last["move"], last["forced"]) == ("promotion", False)
    assert last["reason"] == "passed integrity"


def test_promote_refuses_with_what_is_in_the_way(judged: Run) -> None:
    """Exit code 1, each gate on a line of its own; nothing is moved."""
    said = judged("promote", "ecg", "1.1.0", "--to", "champion", exit_code=1)
    assert "  champion: inconclusive; champion says so." in said.splitlines()
    assert read(judged("show", "ecg", "--json"))["version"] == "1.0.0"
    assert "'prod' is not one of" in judged("promote", "ecg", "1.1.0", "--to", "prod", exit_code=2)


def test_force_needs_a_reason_and_is_shown_everywhere(judged: Run) -> None:
    """In what promote prints, in the list, in the history and in the status."""
    forced = ("promote", "ecg", "1.1.0", "--to", "champion", "--force")
    assert "say why with --reason" in judged(*forced, exit_code=2)
    said = judged(*forced, "--reason", "the old one harms")
    assert said == "champion is ecg:1.1.0 by force, which stays on record\n"
    assert "champion (forced)" in judged("list")
    assert "promotion, forced" in judged("history", "ecg")
    assert "promotion, forced" in judged("status", "ecg")
    judged("promote", "ecg", "1.0.0", "--to", "champion", "--force", "--reason", "it did not")
    assert "promotion, forced" in judged("history", "ecg")


def test_another_policy_than_the_champions_is_shown_everywhere(judged: Run, home: Path) -> None:
    """In the history, in the status, and where the version is shown; and a dropped gate refused."""
    judged("promote", "ecg", "1.1.0", "--to", "champion", "--force", "--reason", "why not")
    registry = Registry(Settings(home=home, actor="ann"))
    first, second = registry.versions("ecg")
    last = registry.evidence("ecg", second.digest)["integrity"]
    lax = {"staging": [], "champion": ["integrity"]}
    change: dict[str, Any] = {
        "version": "1.0.0",
        "digest": first.digest,
        "policy": "sha256:lax",
        "needs": lax,
    }
    registry.record([msgspec.structs.replace(last, **change)])
    said = judged("promote", "ecg", "1.0.0", "--to", "champion", exit_code=1)
    assert "  champion: dropped; 1.1.0 became champion under a policy that needs it" in said
    change |= {"gate": "champion", "champion": second.digest, "compares": True}
    registry.record([msgspec.structs.replace(last, **change)])
    registry.record([msgspec.structs.replace(last, **(change | {"gate": "integrity"}))])
    registry.close()
    judged("promote", "ecg", "1.0.0", "--to", "champion", "--reason", "calmer")
    for command in ("history", "status", "show"):
        assert "calmer (under another policy than 1.1.0's)" in judged(command, "ecg")
    (line,) = [line for line in judged("show", "ecg").splitlines() if line.startswith("champion")]
    assert line.split(maxsplit=1)[1].startswith("ann, promotion: calmer")


def test_rollback_says_which_version_is_back(judged: Run) -> None:
    """And refuses when there is none before, with what there is to do instead."""
    assert "nothing to roll ecg back to" in judged("rollback", "ecg", exit_code=3)
    judged("promote", "ecg", "1.1.0", "--to", "champion", "--force", "--reason", "why not")
    assert judged("rollback", "ecg", "--reason", "it harms") == "champion is ecg:1.0.0 again\n"
    last = read(judged("history", "ecg", "--json"))[-1]
    assert (last["move"], last["reason"]) == ("rollback", "it harms")


def test_a_rollback_loads_no_mlflow(judged: Run, home: Path) -> None:
    """It takes seconds to import, and whoever rolls back has none to lose; the package is here."""
    judged("pull", "ecg:1.0.0")
    judged("promote", "ecg", "1.1.0", "--to", "champion", "--force", "--reason", "why not")
    code = (
        "import sys\n"
        "from interlock.cli import main\n"
        "try:\n    main(['model', 'rollback', 'ecg'])\n"
        "except SystemExit as ended:\n"
        "    heavy = {'mlflow', 'pandas', 'sklearn', 'alembic', 'structlog'} & set(sys.modules)\n"
        "    print(ended.code, sorted(heavy))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "champion is ecg:1.0.0 again\n0 []\n"


def test_status_tells_who_is_live_what_gates_found_and_what_is_left(judged: Run) -> None:
    """Three tables for people, one document for programs."""
    judged("promote", "ecg", "1.1.0", "--to", "champion", "--force", "--reason", "why not")
    shown = judged("status", "ecg")
    lines = [line.split() for line in shown.splitlines()]
    assert [line[0] for line in lines[1:3]] == ["champion", "previous"]
    assert ["champion", "inconclusive"] in lines
    assert lines[-1] == ["sha256:holdout", "champion", "1", "0.05", "0.0196"]
    found = read(judged("status", "ecg", "--json"))
    assert found["standings"][0]["gates"] == dict(GATES)
    assert found["standings"][0]["period"]["forced"] is True
    assert found["holdouts"][0]["looks"] == 1


def test_status_of_a_model_without_aliases_says_so(run: Run, make_package: MakePackage) -> None:
    """Registered, and nothing more."""
    run("register", str(make_package("ecg")))
    assert "ecg never had an alias" in run("status", "ecg")
    assert "no model is called 'egc'" in run("status", "egc", exit_code=3)
