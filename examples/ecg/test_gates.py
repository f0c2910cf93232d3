"""No heartbeat model goes live on a point estimate: versions before the gates, by real commands.

Everything is asked as a person would, `interlock …` in a process of its own, in a copy of this
folder whose policy makes the server bear a load for a second instead of ten. The first two
registries tell one story each, so their tests build on each other in the order of the file.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self
from urllib.error import URLError
from urllib.request import Request, urlopen

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from interlock.package import digest

HERE = Path(__file__).parent
COMMAND = (sys.executable, "-m", "interlock.cli")
# What `interlock tune` found (30 trials, seed 0), so that nobody has to search for it again.
TUNED = {
    "layers": '"64"',
    "decay": 1.763333141322142,
    "epochs": 60,
    "noise": 0.36804512076503526,
    "shift": 2,
    "trees": 50,
    "weight": 0.716004484680999,
}
# The project's own code gone wrong: what it trained is right, what it hands over is not.
WRONG = """
from train import describe, fit as right


def fit(data, report, *, factor):
    model = right(data, report)
    model.named_steps["standardscaler"].scale_ *= factor
    return model
"""
LENIENT = "\n[gates.champion]\nmargin = 0.02  # nats of log loss\n"
# All ten gates start a dozen servers one after the other: a minute, and more on a busy machine.
ALL_GATES = pytest.mark.timeout(300)


class Bench:
    """The project's folder, and a registry of its own."""

    def __init__(self, folder: Path, home: Path) -> None:
        self.folder = folder
        self.home = home
        self.environment = {**os.environ, "INTERLOCK_HOME": str(home), "INTERLOCK_ACTOR": "ann"}

    def start(self, *words: object) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*COMMAND, *map(str, words)],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def run(self, *words: object, code: int = 0) -> str:
        """What the command printed, on either stream."""
        process = self.start(*words)
        printed, _ = process.communicate(timeout=200)
        assert process.returncode == code, printed
        return printed

    def train(self, name: str, *words: object, **parameters: object) -> Path:
        """The package that `interlock train --set …` builds and registers."""
        package = self.home.parent / f"{self.home.name}-{name}"
        chosen = [f"--set={key}={value}" for key, value in parameters.items()]
        self.run("train", "--register", "--out", package, *words, *chosen)
        return package

    def gate(self, version: str, *gates: str, code: int = 0, policy: str = "interlock.toml") -> str:
        """What `interlock gate run` printed; all gates that a champion needs when none is named."""
        words = [word for gate in gates for word in ("--gate", gate)]
        place = self.home.parent / f"{self.home.name}-gates" / version
        words += ["--policy", policy, "--out", str(place)]
        return self.run("gate", "run", "ecg", version, *words, code=code)

    def report(self, version: str) -> Any:
        place = self.home.parent / f"{self.home.name}-gates" / version
        return json.loads((place / "report.json").read_text())

    def champion(self) -> str:
        status = json.loads(self.run("model", "status", "ecg", "--json"))
        (found,) = [one for one in status["standings"] if one["role"] == "champion"]
        return str(found["period"]["version"])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of this project with shorter loads, and with ways to do it wrong."""
    folder = tmp_path_factory.mktemp("gates") / "ecg"
    shutil.copytree(HERE, folder, ignore=shutil.ignore_patterns("dist", "__pycache__", "*.html"))
    text = (HERE / "interlock.toml").read_text()
    short = text.replace("[gates.budget]", "[gates.budget]\nseconds = 0.3", 1)
    short += "\n[gates.infra]\nseconds = 1.0\n"
    (folder / "interlock.toml").write_text(short)
    (folder / "lenient.toml").write_text(short + LENIENT)
    (folder / "wrong.py").write_text(WRONG)
    (folder / "wrong.toml").write_text(short.replace("train:fit", "wrong:fit"))
    return folder


@pytest.fixture(scope="module")
def bench(folder: Path) -> Bench:
    """The registry in which the first version and the tuned one go live."""
    return Bench(folder, folder.parent / "home")


@pytest.fixture(scope="module")
def first(bench: Bench) -> Path:
    """The package of the linear model, 1.0.0."""
    return bench.train("first")


@pytest.fixture(scope="module")
def tuned(bench: Bench, first: Path) -> Path:
    """The package of what tuning found, 1.1.0, as the first one is registered already."""
    assert first.exists()
    return bench.train("tuned", **TUNED)


@pytest.fixture(scope="module")
def fewer(bench: Bench, tuned: Path) -> Path:
    """The package of a model that saw 5% of the training beats, 1.2.0."""
    assert tuned.exists()
    return bench.train("fewer", share=0.05)


@pytest.fixture(scope="module")
def other(folder: Path, first: Path) -> Bench:
    """A registry in which the linear model is champion, by force: for its challengers."""
    bench = Bench(folder, folder.parent / "other")
    bench.run("model", "register", first, "--alias", "champion", "--reason", "the first model")
    return bench


def remade(
    package: Path, name: str, version: str, edit: Callable[[Path], object] = Path.stat
) -> Path:
    """A copy of `package` that calls itself `version`, edited; its digests fit what it is now."""
    place = Path(shutil.copytree(package, package.parent / name))
    manifest = place / "manifest.json"
    text = re.sub(r'("version": )"[^"]+"', rf'\1"{version}"', manifest.read_text(), count=1)
    manifest.write_text(text)
    described = place / "bom.json"
    bom = json.loads(described.read_text())
    bom["metadata"]["component"]["version"] = version
    described.write_text(json.dumps(bom))
    edit(place)
    (place / digest.LISTING).write_bytes(digest.listing(place).to_json())
    return place


def verdicts(printed: str) -> dict[str, str]:
    """Verdict by gate of the table that `gate run` and `gate show` print."""
    lines = [line.split() for line in printed.splitlines()]
    known = {"passed", "failed", "inconclusive", "error"}
    return {words[0]: words[1] for words in lines if len(words) > 2 and words[1] in known}


@ALL_GATES
@pytest.mark.usefixtures("first")
def test_the_first_model_passes_against_the_trivial_baseline(bench: Bench) -> None:
    """All ten gates pass, each in a line of its own, and it goes live without force."""
    printed = bench.gate("1.0.0")
    assert set(verdicts(printed).values()) == {"passed"}
    assert len(verdicts(printed)) == 10
    assert 'trivial baseline (always "normal"' in printed
    assert (bench.home.parent / "home-gates" / "1.0.0" / "report.html").is_file()
    assert bench.run("model", "promote", "ecg", "1.0.0", "--to=champion") == (
        "champion is ecg:1.0.0\n"
    )


@pytest.mark.usefixtures("tuned")
def test_without_evidence_nothing_is_promoted(bench: Bench) -> None:
    """The refusal says what to run; force without a reason is none."""
    promote = ("model", "promote", "ecg", "1.1.0", "--to=champion")
    assert "interlock gate run ecg 1.1.0" in bench.run(*promote, code=1)
    assert "say why" in bench.run(*promote, "--force", code=2)


@ALL_GATES
@pytest.mark.usefixtures("tuned")
def test_the_tuned_model_passes_and_is_promoted(bench: Bench) -> None:
    """It is better than the champion on the holdout, whatever the resamples say, and goes live."""
    printed = bench.gate("1.1.0")
    assert set(verdicts(printed).values()) == {"passed"}
    (found,) = [one for one in bench.report("1.1.0")["findings"] if one["gate"] == "champion"]
    assert found["look"] == 2
    assert 0 < found["figures"]["low"] < found["figures"]["difference"]
    assert bench.report("1.1.0")["subject"]["champion"] == "1.0.0"
    bench.run("model", "promote", "ecg", "1.1.0", "--to=champion", "--reason", "tuned")
    shown = bench.run("model", "status", "ecg")
    assert re.search(r"^champion +1\.1\.0", shown, re.MULTILINE)
    assert re.search(r"previous champion +1\.0\.0", shown)
    assert "forced" not in shown


@pytest.mark.usefixtures("fewer")
def test_five_per_cent_of_the_data_are_not_enough(bench: Bench) -> None:
    """The gate fails it, promotion refuses it, and force is shown wherever it is."""
    assert verdicts(bench.gate("1.2.0", "champion", code=1)) == {"champion": "failed"}
    promote = ("model", "promote", "ecg", "1.2.0", "--to=staging")
    assert "champion: failed" in bench.run(*promote, code=1)
    bench.run(*promote, "--force", "--reason", "to look at its answers")
    assert re.search(r"staging +1\.2\.0 .*forced +to look", bench.run("model", "status", "ecg"))


@contextmanager
def serving(bench: Bench) -> Iterator[str]:
    """The address of a server that follows the champion."""
    process = bench.start("serve", "ecg@champion", "--port", "0", "--workers", "2")
    address = bench.home / "run" / str(process.pid) / "address"
    try:
        while not (address.exists() and address.read_text()):
            assert process.poll() is None, process.communicate()
            time.sleep(0.02)
        yield address.read_text()
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)


class Callers(threading.Thread):
    """Asks a server for the same beat again and again, and notes who answered."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.versions: list[str] = []
        self.failures: list[str] = []
        self._stop_asking = threading.Event()
        headers = {"Content-Type": "application/json"}
        self._request = Request(f"{url}/predict", (HERE / "beat.json").read_bytes(), headers)

    def run(self) -> None:
        while not self._stop_asking.is_set():
            try:
                with urlopen(self._request, timeout=10) as reply:
                    self.versions.append(json.load(reply)["version"])
            except (URLError, OSError, ValueError) as error:
                self.failures.append(repr(error))
            time.sleep(0.003)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop_asking.set()
        self.join()

    def answered_by(self, version: str, times: int = 1) -> None:
        """Wait until `version` answers, so many times in a row: each worker swaps by itself."""
        deadline = time.monotonic() + 20
        while self.versions[-times:] != [version] * times:
            assert time.monotonic() < deadline, (self.versions[-1:], self.failures)
            time.sleep(0.01)


@pytest.mark.usefixtures("tuned")
def test_a_rollback_under_load_fails_nobody(bench: Bench) -> None:
    """A running server goes back to the former champion, and no request is refused meanwhile."""
    with serving(bench) as url, Callers(url) as callers:
        callers.answered_by("1.1.0")
        said = bench.run("model", "rollback", "ecg", "--reason", "alarms on ward 3")
        callers.answered_by("1.0.0", times=50)
    assert said == "champion is ecg:1.0.0 again\n"
    assert callers.failures == []


@pytest.fixture(scope="module")
def race(folder: Path, first: Path) -> Bench:
    """A registry in which two have honest evidence against the champion, and nothing failed."""
    bench = Bench(folder, folder.parent / "race")
    bench.run("model", "register", first, "--alias", "champion", "--reason", "the first model")
    needs = (folder / "interlock.toml").read_text()
    (folder / "race.toml").write_text(needs + '\n[gates.needs]\nchampion = ["signature"]\n')
    for version in ("1.0.8", "1.0.9"):
        bench.run("model", "register", remade(first, version, version))
        bench.gate(version, policy="race.toml")
    return bench


def test_two_who_promote_at_once_do_not_both_win(race: Bench) -> None:
    """Both have their evidence; one of them becomes champion and the other is told who did."""
    versions = ("1.0.8", "1.0.9")
    both = [race.start("model", "promote", "ecg", one, "--to=champion") for one in versions]
    said = [process.communicate(timeout=60)[0] for process in both]
    codes = [process.returncode for process in both]
    assert sorted(codes) == [0, 3], said
    winner, told = (versions[0], said[1]) if codes[0] == 0 else (versions[1], said[0])
    assert f"ann put champion of ecg on {winner}" in told
    assert race.champion() == winner


def test_the_rules_of_the_champion_hold_for_the_next(bench: Bench, first: Path) -> None:
    """A policy that needs fewer gates lets nobody pass by those that the champion has passed."""
    bench.run("model", "register", remade(first, "lax", "1.0.6"))
    lax = (bench.folder / "interlock.toml").read_text()
    (bench.folder / "lax.toml").write_text(lax + '\n[gates.needs]\nchampion = ["signature"]\n')
    assert verdicts(bench.gate("1.0.6", policy="lax.toml")) == {"signature": "passed"}
    printed = bench.run("model", "promote", "ecg", "1.0.6", "--to=champion", code=1)
    assert len(re.findall(r": dropped; 1\.\d\.0 became champion under a policy", printed)) == 9


def test_an_equal_model_is_inconclusive_and_passes_non_inferiority(other: Bench) -> None:
    """It is not better; that it is not worse by more than a margin is another question."""
    other.train("equal", penalty=1.02)
    printed = other.gate("1.0.1", "champion", code=2)
    assert verdicts(printed) == {"champion": "inconclusive"}
    assert "more rows would" in printed
    assert "passed" in other.gate("1.0.1", "champion", policy="lenient.toml")


def test_a_scaler_wrong_from_the_start_fails_robustness(other: Bench) -> None:
    """The graph answers as recorded, but its training rows are not scaled as they were to be."""
    package = other.train("wrong", "--policy", "wrong.toml", factor=10)
    version = json.loads((package / "manifest.json").read_text())["version"]
    printed = other.gate(version, "parity", "robustness", code=1)
    assert verdicts(printed) == {"parity": "passed", "robustness": "failed"}
    assert "Its preprocessing is not that of its training rows" in printed


def unscaled(package: Path) -> None:
    """The classic bug of serving: the graph forgets the scaler that its weights were made for."""
    model = onnx.load(str(package / "model.onnx"))
    attributes = {one.name: one for node in model.graph.node for one in node.attribute}
    if "scale" in attributes:
        attributes["scale"].floats[:] = [1.0] * len(attributes["scale"].floats)
    else:
        (divisor,) = scales(model)
        ones = np.ones_like(numpy_helper.to_array(divisor))
        divisor.CopyFrom(numpy_helper.from_array(ones, divisor.name))
    (package / "model.onnx").write_bytes(model.SerializeToString())


def scales(model: onnx.ModelProto) -> list[onnx.TensorProto]:
    """What the graph divides by."""
    divisors = {node.input[1] for node in model.graph.node if node.op_type == "Div"}
    return [tensor for tensor in model.graph.initializer if tensor.name in divisors]


def test_a_scaler_lost_after_packaging_fails_parity(other: Bench, first: Path) -> None:
    """Digests that fit again do not help: the golden answers are those of the right graph."""
    package = remade(first, "unscaled", "1.0.7", unscaled)
    other.run("model", "register", package)
    printed = other.gate("1.0.7", "integrity", "parity", code=1)
    assert verdicts(printed)["parity"] == "failed"
    assert "golden examples are answered differently than recorded" in printed


def renamed(package: Path) -> None:
    """Another label for the same class."""
    for file in ("signature.json", "golden.json", "profile.json"):
        path = package / file
        path.write_text(path.read_text().replace('"unclassified"', '"unknown"'))


def test_a_signature_may_not_change_without_a_major_version(other: Bench, first: Path) -> None:
    """Whoever reads the answers of the champion would stumble over a label with another name."""
    other.run("model", "register", remade(first, "renamed", "1.3.0", renamed))
    printed = other.gate("1.3.0", "signature", code=1)
    assert verdicts(printed) == {"signature": "failed"}
    assert "1.0.0 to 1.3.0 is no major version" in printed


def test_a_tampered_file_fails_integrity_by_its_name(other: Bench) -> None:
    """A whole copy in the cache hides nothing, and nothing else of the version is looked at."""
    copy = Path(other.run("model", "pull", "ecg:1.0.0").split()[-1])
    manifest = (copy / "manifest.json").read_bytes()
    stored = (other.home / "artifacts").rglob("manifest.json")
    (package,) = [path.parent for path in stored if path.read_bytes() == manifest]
    with (package / "golden.json").open("a") as file:
        file.write(" ")
    printed = other.gate("1.0.0", "integrity", "floor", code=1)
    assert verdicts(printed) == {"integrity": "failed", "floor": "error"}
    assert "golden.json does not match its digest" in printed
