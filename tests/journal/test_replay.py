"""Old traffic before another package: how many answers would have been the same."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from typer.testing import CliRunner

from interlock import package
from interlock.cli import app
from interlock.engine import Session
from interlock.errors import ConfigurationError
from interlock.journal import replay, seal
from interlock.journal.replay import Change, Replay
from interlock.package import Package
from interlock.signature import Classes, Signature, Tensor, Value
from interlock.signature.answers import reader
from interlock.state import predictions
from interlock.state.predictions import Wanted

from .privacy import sealing
from .truths import Kept

LABELS = ("no", "yes")
INPUT = Tensor(name="beat", shape=(2,), minimum=-5, maximum=5)
TURNED = 0.5
"""Where the second model's classes change places: beats that begin higher are "yes" to both."""


def build(folder: Path, bias: float = 0.0, field: Any = INPUT, **more: Any) -> Package:
    """A model that finds "yes" more likely the higher its first value plus `bias`."""
    weights = np.array([[-1, 1], [0, 0]], np.float32)
    initial = [
        numpy_helper.from_array(weights, "weights"),
        numpy_helper.from_array(np.array([-bias, bias], np.float32), "bias"),
    ]
    nodes = [
        helper.make_node("Gemm", ["beat", "weights", "bias"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
    ]
    beat = helper.make_tensor_value_info("beat", TensorProto.FLOAT, ["rows", 2])
    chances = helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["rows", 2])
    graph = helper.make_graph(nodes, "turning", [beat], [chances], initial)
    opset = [helper.make_opsetid("", 17)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=8)
    onnx.checker.check_model(model)
    signature = Signature(inputs=(field,), output=Classes(labels=LABELS))
    sample = np.random.default_rng(3).normal(size=(30, 2)).astype(np.float32)
    return package.build(model, name="risk", sample=sample, signature=signature, out=folder, **more)


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Package:
    """The model that had answered."""
    return build(tmp_path_factory.mktemp("packages") / "first")


@pytest.fixture(scope="module")
def second(tmp_path_factory: pytest.TempPathFactory, first: Package) -> Package:
    """One that says "yes" sooner."""
    return build(tmp_path_factory.mktemp("packages") / "second", TURNED, previous=first.path)


def answer(kept: Kept, model: Package, *beats: float, **more: Any) -> None:
    """Have `model` answer beats that begin so, and its answers put on record."""
    rows = np.array([[beat, 0.0] for beat in beats], np.float32)
    outputs = Session(model.graph_path, model.signature).run({"beat": rows})
    kept.record(0, {"beat": rows}, reader(model.signature.output)(outputs), model.signature, **more)


def play(kept: Kept, model: Package, **more: Any) -> Replay:
    """Everything on record before `model`."""
    opener = seal.opener(kept.settings)
    with kept.engine.connect() as connection:
        rows = predictions.oldest_first(connection, Wanted(deployment="risk"))
        found = replay.replay(model, rows, opener, **more)
    opener.close()
    return found


def test_the_same_package_answers_the_same(kept: Kept, first: Package) -> None:
    """What was recorded is what the model was given and what it said."""
    answer(kept, first, *np.linspace(-4, 4, 700))
    found = play(kept, first)
    assert found == Replay(
        package="risk 1.0.0",
        digest=first.digest,
        rows=700,
        replayed=700,
        refused=0,
        sealed=0,
        refusal="",
        equal=1.0,
        tolerance=1e-4,
        largest_difference=found.largest_difference,
        changes=(),
        versions={"1.0.0": 700},
    )
    # Other rows together may round the last bit of a float32 otherwise.
    assert found.largest_difference == pytest.approx(0.0, abs=1e-6)


def test_another_package_shows_what_it_would_change(
    kept: Kept, first: Package, second: Package
) -> None:
    """How many answers are others, which ones, and by how much."""
    answer(kept, first, -2.0, -0.4, -0.3, 0.4, 2.0)
    answer(kept, first, -0.2, version="0.9.0")
    found = play(kept, second)
    assert found.equal == 0.5
    assert found.changes == (Change("no", "yes", 3),)
    assert found.versions == {"1.0.0": 5, "0.9.0": 1}
    before, after = (1 / (1 + np.exp(-2 * beat)) for beat in (-0.3, -0.3 + TURNED))
    assert found.largest_difference == pytest.approx(after - before, abs=0.02)


def test_rows_that_the_package_refuses_are_counted(
    kept: Kept, first: Package, tmp_path: Path
) -> None:
    """A narrower signature is a change that callers would notice."""
    narrow = build(tmp_path / "narrow", field=Tensor(name="beat", shape=(2,), maximum=1))
    answer(kept, first, 0.5, 2.0, 3.0)
    found = play(kept, narrow)
    assert (found.rows, found.replayed, found.refused) == (3, 1, 2)
    assert "at $.beat[0]" in found.refusal
    assert "at most 1" in found.refusal


def test_rows_of_shadows_are_passed_over(kept: Kept, first: Package) -> None:
    """They were asked no question of their own."""
    answer(kept, first, 0.5)
    answer(kept, first, 0.5, primary="01a1fde6-1134-7512-b0aa-42533d7f090b")
    assert play(kept, first).rows == 1


def test_nothing_on_record_is_no_verdict(kept: Kept, first: Package) -> None:
    """No traffic is neither equal nor different."""
    found = play(kept, first)
    assert (found.rows, found.equal, found.largest_difference) == (0, None, None)


def test_answers_of_another_kind_cannot_be_compared(kept: Kept, first: Package) -> None:
    """Numbers are no classes: somebody named the wrong package."""
    signature = Signature(inputs=(INPUT,), output=Value())
    kept.record(0, {"beat": np.zeros((1, 2), np.float32)}, [{"value": 2.0}], signature)
    with pytest.raises(ConfigurationError, match=r"answered with value.*nothing to compare"):
        play(kept, first)


def test_a_package_that_takes_what_is_never_recorded_is_refused(kept: Kept, tmp_path: Path) -> None:
    """A hash is no input; that is said at once, not for every row."""
    hidden = build(tmp_path / "hidden", field=Tensor(name="beat", shape=(2,), sensitive="omit"))
    with pytest.raises(ConfigurationError, match="takes beat, which is not on record"):
        play(kept, hidden)


def test_numbers_are_compared_by_their_size() -> None:
    """A difference of 1 is nothing beside a million."""
    asked = replay._Asked({}, {"values": {"one": 1e6, "two": 1.0}}, "1.0.0")
    assert replay._difference(asked, {"values": {"one": 1e6 + 1, "two": 1.0}}) < 1e-5
    assert replay._difference(asked, {"values": {"one": 1e6, "two": 2.0}}) == 0.5
    assert replay._difference(asked, {"values": {"one": 1e6}}) == 0.5


def test_sealed_rows_are_replayed_with_their_keys(tmp_path: Path, first: Package) -> None:
    """Without them they are counted, not guessed."""
    kept = Kept(sealing(tmp_path / "home"))
    answer(kept, first, 0.5, subject="ann")
    assert play(kept, first).replayed == 1
    with kept.engine.connect() as connection:
        rows = list(predictions.oldest_first(connection, Wanted()))
    assert replay.replay(first, rows, seal.Clear()).sealed == 1
    kept.close()


@pytest.fixture
def told(kept: Kept, first: Package, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    """A command line before a record of six answers by the first package."""
    answer(kept, first, -2.0, -0.4, -0.3, -0.2, 0.4, 2.0)
    monkeypatch.setenv("INTERLOCK_HOME", str(kept.settings.home))
    if kept.settings.database:
        monkeypatch.setenv("INTERLOCK_DATABASE", kept.settings.database)
    return CliRunner()


def test_the_command_prints_a_table_of_changes(told: CliRunner, second: Package) -> None:
    """What a person reads, and what a program does."""
    done = told.invoke(app, ["journal", "replay", str(second.path)])
    assert done.exit_code == 0, done.output
    assert done.output.splitlines()[:2] == [
        "6 of 6 recorded rows answered by 1.0.0 (6)",
        f"risk {second.version} answers 50% of them the same",
    ]
    assert done.output.splitlines()[-1].split() == ["no", "yes", "3"]
    done = told.invoke(app, ["journal", "replay", str(second.path), "--limit", "2", "--json"])
    assert json.loads(done.stdout)["equal"] == 1.0


def test_the_command_takes_a_version_of_the_registry(
    told: CliRunner, kept: Kept, second: Package, empty_registry: Path
) -> None:
    """The challenger that is registered is before yesterday's traffic by one command."""
    (kept.settings.home / "registry.db").write_bytes(empty_registry.read_bytes())
    registered = told.invoke(app, ["model", "register", str(second.path)])
    assert registered.exit_code == 0, registered.output
    done = told.invoke(app, ["journal", "replay", f"risk:{second.version}", "--json"])
    assert json.loads(done.stdout)["changes"] == [{"recorded": "no", "replayed": "yes", "rows": 3}]


def test_no_such_traffic_is_said_in_words(told: CliRunner, second: Package) -> None:
    """A slip in the name of a deployment, or in the time, is no comparison."""
    command = ["journal", "replay", str(second.path)]
    other = told.invoke(app, [*command, "--deployment", "stay"])
    assert isinstance(other.exception, ConfigurationError)
    assert str(other.exception) == (
        "no prediction of a deployment 'stay' is on record; there are risk: name one by"
        " --deployment"
    )
    early = told.invoke(app, [*command, "--until", "2020-01-01"])
    assert str(early.exception) == "no prediction of 'risk' is on record that was asked for"
