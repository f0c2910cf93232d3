from __future__ import annotations

import json
import pickle
import shutil
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from interlock.cli import main

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs `interlock package …`: exit code, standard output, standard error."""

    def call(*arguments: object) -> tuple[int, str, str]:
        capsys.readouterr()
        with pytest.raises(SystemExit) as stopped:
            main(["package", *map(str, arguments)])
        out, err = capsys.readouterr()
        return int(stopped.value.code or 0), out, err

    return call


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a user has: a pickled model, its data with the label in it, and metrics."""
    folder = tmp_path_factory.mktemp("project")
    random = np.random.default_rng(5)
    frame = pd.DataFrame({"age": random.integers(20, 90, 80), "dose": random.normal(size=80)})
    outcome = np.where(frame["age"] > 50, "ill", "well")
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(frame, outcome)
    (folder / "triage.pkl").write_bytes(pickle.dumps(model))
    frame.assign(outcome=outcome).to_csv(folder / "rows.csv", index=False)
    (folder / "metrics.json").write_text('{"test": {"accuracy": 0.91}}')
    return folder


@pytest.fixture(scope="module")
def built(project: Path) -> Path:
    """A package made once by the command line."""
    out = project / "built"
    arguments = build(project, out, "--metrics", project / "metrics.json")
    with pytest.raises(SystemExit) as stopped:
        main(["package", *map(str, arguments)])
    assert not stopped.value.code
    return out


def build(project: Path, out: Path, *more: object) -> list[object]:
    """Arguments of a build that works."""
    sample = ["--sample", project / "rows.csv", "--label", "outcome"]
    return ["build", project / "triage.pkl", "--trust-pickle", *sample, "--out", out, *more]


def test_build_says_what_it_made_and_why(run: Run, project: Path, tmp_path: Path) -> None:
    """Version with its reason, proof and digest on standard output; the warning on the other."""
    code, out, err = run(*build(project, tmp_path / "made"))
    assert code == 0
    assert out.startswith("built triage 1.0.0\n")
    assert "there is no previous package" in out
    assert "rows 80; largest difference" in out
    assert "labels changed 0; tolerance 0.0001; ties 0" in out
    assert "sha256:" in out
    assert err.startswith("warning: loading ")
    assert err.count("\n") == 1


def test_build_prints_json_when_asked(run: Run, project: Path, tmp_path: Path) -> None:
    """The same facts for programs: standard output is one JSON document."""
    code, out, _ = run(*build(project, tmp_path / "made", "--name", "ward", "--json"))
    facts = json.loads(out)
    assert code == 0
    assert (facts["package"], facts["version"]) == ("ward", "1.0.0")
    assert facts["parity"]["labels_changed"] == 0
    assert facts["inputs"] == {"age": "a whole number", "dose": "a number"}


def test_build_without_trust_explains_itself(run: Run, project: Path, tmp_path: Path) -> None:
    """No pickle is opened; the message names the option."""
    arguments = build(project, tmp_path / "made")
    arguments.remove("--trust-pickle")
    code, out, err = run(*arguments)
    assert (code, out) == (3, "")
    assert "--trust-pickle" in err


def test_build_follows_a_previous_package(
    run: Run, project: Path, built: Path, tmp_path: Path
) -> None:
    """The same recipe again is a patch; a version too low is refused with exit code 1."""
    arguments = build(project, tmp_path / "next", "--previous", built)
    code, out, _ = run(*arguments)
    assert (code, out.splitlines()[0]) == (0, "built triage 1.0.1")
    code, _, err = run(*build(project, tmp_path / "low", "--previous", built, "--version", "1.0.0"))
    assert code == 1
    assert "version 1.0.0 is too low after 1.0.0" in err


def test_build_takes_signature_labels_and_fingerprint(
    run: Run, project: Path, built: Path, tmp_path: Path
) -> None:
    """Files stand in for what the Python API takes as objects."""
    shutil.copy(built / "signature.json", tmp_path / "signature.json")
    more = ["--signature", tmp_path / "signature.json", "--out-of-range", "flag"]
    more += ["--training-data", project / "rows.csv", "--owner", "the ward"]
    code, out, _ = run(*build(project, tmp_path / "made", *more, "--json"))
    assert code == 0
    assert json.loads(out)["data"]["columns"] == ["age", "dose", "outcome"]
    signature = json.loads((tmp_path / "made" / "signature.json").read_text())
    assert signature["out_of_range"] == "flag"


def test_build_takes_labels_in_the_order_given(run: Run, project: Path, tmp_path: Path) -> None:
    """`--labels` with commas is the order of the probabilities."""
    code, _, err = run(*build(project, tmp_path / "made", "--labels", "well, ill"))
    assert code == 0, err
    signature = json.loads((tmp_path / "made" / "signature.json").read_text())
    assert signature["output"]["labels"] == ["well", "ill"]


@pytest.mark.parametrize(
    ("option", "content", "match"),
    [
        ("--metrics", '{"accuracy": 0.9}', "metrics are by split"),
        ("--metrics", None, "cannot read"),
        ("--signature", '{"inputs": []}', "signature"),
        ("--signature", None, "cannot read"),
        ("--sample", "", "cannot be read"),
        ("--previous", None, "no such directory"),
        ("--key", None, "cannot read the key"),
    ],
)
def test_build_names_a_file_that_it_cannot_use(
    run: Run, project: Path, tmp_path: Path, *, option: str, content: str | None, match: str
) -> None:
    """One line on standard error, a code that is not 0, and no package."""
    file = tmp_path / "given.csv"
    if content is not None:
        file.write_text(content)
    code, _, err = run(*build(project, tmp_path / "made", option, file))
    assert code != 0
    assert match in err
    assert "Traceback" not in err
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize("option", ["--sample", "--training-data"])
def test_build_names_rows_that_are_not_there(
    run: Run, project: Path, tmp_path: Path, option: str
) -> None:
    """A wrong path is the caller's to put right: code 2, and the path in plain words."""
    code, out, err = run(*build(project, tmp_path / "made", option, "nowhere.csv"))
    assert (code, out) == (2, "")
    assert "interlock: nowhere.csv cannot be read: No such file or directory\n" in err
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize("content", ["null", "3", '["a", "b"]'])
def test_build_names_rows_that_are_none(
    run: Run, project: Path, tmp_path: Path, content: str
) -> None:
    """JSON that is no table: code 2 and one line."""
    (tmp_path / "rows.json").write_text(content)
    code, _, err = run(*build(project, tmp_path / "made", "--sample", tmp_path / "rows.json"))
    assert code == 2
    assert "rows.json cannot be read: expected a list of records" in err
    assert "Traceback" not in err


@pytest.mark.parametrize("place", ["/proc/nowhere/made", "/dev/null/made"])
def test_build_names_a_place_that_cannot_be_made(run: Run, project: Path, place: str) -> None:
    """Code 2 and one line, before anything is built."""
    code, _, err = run(*build(project, Path(place)))
    assert code == 2
    assert f"interlock: {place} cannot be made: " in err
    assert "Traceback" not in err


def test_keygen_names_a_place_that_cannot_be_written(run: Run) -> None:
    """Code 2 and one line."""
    code, _, err = run("keygen", "/proc/nowhere/key")
    assert code == 2
    assert err == ("interlock: /proc/nowhere/key cannot be written: No such file or directory\n")


def test_show_prints_the_essentials(run: Run, built: Path) -> None:
    """Inputs, answer, metrics and origin, readable and as JSON."""
    code, out, _ = run("show", built)
    assert code == 0
    assert "one of ill, well" in out
    assert "test accuracy 0.91" in out
    assert "sklearn.pipeline.Pipeline" in out
    facts = json.loads(run("show", built, "--json")[1])
    assert facts["metrics"] == {"test": {"accuracy": 0.91}}
    assert facts["golden_examples"] == 6


def test_verify_says_that_all_is_well(run: Run, built: Path) -> None:
    """The number of files and the digest; a signature is not claimed where there is none."""
    code, out, _ = run("verify", built)
    assert code == 0
    assert "all 11 files are as they were packaged" in out
    assert "signature: not signed" in out
    found = json.loads(run("verify", built, "--json")[1])
    assert found["files"] == 11


def test_verify_names_the_file_at_fault(run: Run, built: Path, tmp_path: Path) -> None:
    """Exit code 1 and the first file that does not match."""
    copy = tmp_path / "copy"
    shutil.copytree(built, copy)
    (copy / "golden.json").write_text("{}")
    code, out, err = run("verify", copy)
    assert (code, out) == (1, "")
    assert err == "interlock: golden.json does not match its digest: it was changed\n"


def test_keygen_build_and_verify_go_together(run: Run, project: Path, tmp_path: Path) -> None:
    """A key made here signs a package that verifies with its public half only."""
    key = tmp_path / "ward.key"
    code, out, _ = run("keygen", key, "--json")
    made: dict[str, Any] = json.loads(out)
    assert code == 0
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    run(*build(project, tmp_path / "made", "--key", key))
    code, out, _ = run("verify", tmp_path / "made", "--key", made["public"])
    assert code == 0
    assert "signature: holds" in out
    assert "not checked: give --key" in run("verify", tmp_path / "made")[1]
    run("keygen", tmp_path / "other.key")
    code, _, err = run("verify", tmp_path / "made", "--key", tmp_path / "other.key.pub")
    assert code == 1
    assert made["fingerprint"] in err


def test_keygen_never_overwrites(run: Run, tmp_path: Path) -> None:
    """A second call with the same name is refused."""
    code, out, _ = run("keygen", tmp_path / "key")
    assert code == 0
    assert "do not share it" in out
    code, _, err = run("keygen", tmp_path / "key")
    assert code == 2
    assert "never overwritten" in err
