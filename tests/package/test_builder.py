from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from interlock.errors import (
    ConfigurationError,
    ConversionError,
    InterlockError,
    PackageError,
    ParityError,
    VersionError,
)
from interlock.package import Package, read, signing, verify
from interlock.package.builder import STEPS, build
from interlock.package.convert import PickleWarning
from interlock.signature.schema import Classes, Number, Signature, Tensor, Value
from tests.package.conftest import Trained, patients, waves


def rebuild(previous: Package, model: Any, rows: Any, out: Path, **arguments: Any) -> Package:
    """The next version of the tensor model."""
    return build(
        model,
        name="beat",
        sample=rows,
        tensor="beat",
        previous=previous.path,
        out=out,
        **arguments,
    )


def test_a_package_holds_everything(beat: Package) -> None:
    """Every file of the format is there, and nothing else."""
    assert sorted(path.name for path in beat.path.iterdir()) == [
        "MLmodel",
        "bom.json",
        "card.md",
        "conda.yaml",
        "digests.json",
        "golden.json",
        "manifest.json",
        "model.onnx",
        "profile.json",
        "python_env.yaml",
        "requirements.txt",
        "signature.json",
    ]
    verify(beat.path)


def test_the_manifest_says_where_it_came_from(beat: Package) -> None:
    """Source, digests, data, libraries, metrics and proof are on record."""
    manifest = beat.manifest
    assert manifest.source == "sklearn.pipeline.Pipeline"
    assert manifest.architecture.startswith("sha256:")
    assert manifest.preprocessing is not None
    assert manifest.preprocessing.startswith("sha256:")
    assert manifest.data is not None
    assert (manifest.data.rows, manifest.data.columns) == (120, ("beat",))
    assert manifest.libraries["scikit-learn"]
    assert manifest.metrics == {"test": {"accuracy": 0.97, "f1_macro": 0.95}}
    assert manifest.parity is not None
    assert (manifest.parity.rows, manifest.parity.labels_changed) == (120, 0)
    assert manifest.parity.largest_difference < 1e-5
    assert manifest.created.endswith("+00:00")


def test_the_graph_is_called_as_the_signature_says(intake: Package) -> None:
    """Inputs and outputs of model.onnx carry the signature's names."""
    graph = onnx.load(intake.graph_path).graph
    assert [tensor.name for tensor in graph.input] == ["age", "dose", "plan", "city"]
    assert [tensor.name for tensor in graph.output] == ["label", "probabilities"]


def test_the_same_build_makes_the_same_bytes(
    classifier: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the clock held, two builds have one digest."""
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1767225600")
    digests = {
        build(classifier.model, name="beat", sample=classifier.rows, out=tmp_path / out).digest
        for out in ("one", "two")
    }
    assert len(digests) == 1
    assert read(tmp_path / "one").manifest.created == "2026-01-01T00:00:00+00:00"


def test_a_clock_that_is_none_is_refused(
    classifier: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bad SOURCE_DATE_EPOCH is named."""
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "yesterday")
    with pytest.raises(ConfigurationError, match="SOURCE_DATE_EPOCH='yesterday'"):
        build(classifier.model, name="beat", sample=classifier.rows, out=tmp_path / "beat")


def test_steps_are_told_as_they_begin(regressor: Trained, tmp_path: Path) -> None:
    """Whoever shows progress hears of every step, in order."""
    told: list[str] = []
    build(
        regressor.model,
        name="cost",
        sample=regressor.rows,
        out=tmp_path / "cost",
        notify=told.append,
    )
    assert tuple(told) == STEPS


def test_a_signed_package_verifies(classifier: Trained, tmp_path: Path) -> None:
    """A key given at build time signs every byte."""
    public, _ = signing.generate(tmp_path / "key")
    out = tmp_path / "signed"
    built = build(
        classifier.model, name="beat", sample=classifier.rows, out=out, key=tmp_path / "key"
    )
    assert built.signed
    assert verify(out, public_key=public, require_signature=True).digest == built.digest


@pytest.mark.parametrize("kind", ["directory", "file", "link"])
def test_an_existing_target_is_refused_and_left_alone(
    classifier: Trained, tmp_path: Path, kind: str
) -> None:
    """Nothing is ever overwritten, not even an empty directory."""
    out = tmp_path / "taken"
    if kind == "directory":
        out.mkdir()
    elif kind == "file":
        out.write_text("precious")
    else:
        out.symlink_to(tmp_path / "nowhere")
    with pytest.raises(PackageError, match="never overwritten"):
        build(classifier.model, name="beat", sample=classifier.rows, out=out)
    assert list(tmp_path.iterdir()) == [out]


def test_a_build_that_fails_leaves_nothing_behind(classifier: Trained, tmp_path: Path) -> None:
    """A key that cannot be read is found when all is written; no half package stays."""
    with pytest.raises(ConfigurationError, match="cannot read the key"):
        build(
            classifier.model,
            name="beat",
            sample=classifier.rows,
            out=tmp_path / "beat",
            key=tmp_path / "absent",
        )
    assert list(tmp_path.iterdir()) == []


def test_a_graph_that_answers_otherwise_is_refused(classifier: Trained, tmp_path: Path) -> None:
    """No tolerance at all is more than float32 can keep; the message shows both answers."""
    with pytest.raises(ParityError, match=r"tolerance 0\)(?s:.*)model:(?s:.*)graph:"):
        build(
            classifier.model,
            name="beat",
            sample=classifier.rows,
            out=tmp_path / "beat",
            tolerance=0,
        )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["", "a b", "../up", "-x", "a/b", "x" * 101, "ecg@champion"])
def test_names_that_cannot_be_addresses_are_refused(
    classifier: Trained, tmp_path: Path, name: str
) -> None:
    """A name stands in addresses, file names and metrics."""
    with pytest.raises(ConfigurationError, match="letters, digits"):
        build(classifier.model, name=name, sample=classifier.rows, out=tmp_path / "out")


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"sample": np.zeros((0, 32), np.float32)}, "sample has no rows"),
        ({"sample": {"input": np.zeros((0, 32), np.float32)}}, "sample has no rows"),
        ({"sample": {}}, "sample has no rows"),
        ({"sample": None}, "the sample is None without rows"),
        ({"sample": np.float32(3)}, "the sample is a float32 without rows"),
        ({"sample": {"input": 3.0}}, "the sample is a dict without rows"),
        ({"sample": "rows.csv"}, "'rows.csv' is no sample"),
        ({"sample": ["a", "b"]}, "cannot be a tensor"),
        ({"sample": pd.DataFrame(np.zeros((9, 32)))}, "column 0 of the sample has no string"),
        ({"sample": pd.DataFrame(np.zeros((9, 2)), columns=["a", "a"])}, "2 columns called 'a'"),
        ({"training_data": 3}, "data input: array\\(3\\) is one value"),
        ({"labels": ["a", "b"], "output": Value()}, "an output or labels, not both"),
        ({"metrics": {"test": {"loss": float("nan")}}}, r"metric test\.loss is nan"),
        ({"version": "1.0.0", "bump": "major"}, "not both"),
    ],
)
def test_arguments_that_cannot_be_used_are_named(
    classifier: Trained, tmp_path: Path, arguments: dict[str, Any], match: str
) -> None:
    """The message says which, and the target is not made."""
    given = {"sample": classifier.rows, **arguments}
    with pytest.raises(InterlockError, match=match):
        build(classifier.model, name="beat", out=tmp_path / "beat", **given)
    assert not (tmp_path / "beat").exists()


@pytest.mark.parametrize("folder", ["/proc/nowhere", "file", "file/deeper", "x" * 256])
def test_a_place_that_cannot_be_written_is_named_first(
    classifier: Trained, tmp_path: Path, folder: str
) -> None:
    """Nobody waits for a build that has nowhere to go; nothing is made on the way."""
    (tmp_path / "file").touch()
    told: list[str] = []
    with pytest.raises(ConfigurationError, match=r"beat cannot be made: "):
        build(
            classifier.model,
            name="beat",
            sample=classifier.rows,
            out=tmp_path / folder / "beat",
            notify=told.append,
        )
    assert told == []
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_place_that_goes_away_is_named(classifier: Trained, tmp_path: Path) -> None:
    """What the system refuses while the package is written is told in words, too."""

    def spoil(step: str) -> None:
        if step == STEPS[-1]:
            (tmp_path / "dist").write_text("somebody else's")

    with pytest.raises(PackageError, match="beat cannot be written: "):
        build(
            classifier.model,
            name="beat",
            sample=classifier.rows,
            out=tmp_path / "dist" / "beat",
            notify=spoil,
        )
    assert (tmp_path / "dist").read_text() == "somebody else's"


def test_a_pickle_needs_trust(regressor: Trained, tmp_path: Path) -> None:
    """It is refused by default, and read with a warning when trusted."""
    file = tmp_path / "model.pkl"
    file.write_bytes(pickle.dumps(regressor.model))
    with pytest.raises(ConversionError, match="trust"):
        build(file, name="cost", sample=regressor.rows, out=tmp_path / "cost")
    with pytest.warns(PickleWarning, match="runs whatever code"):
        built = build(
            file, name="cost", sample=regressor.rows, out=tmp_path / "cost", trust_pickle=True
        )
    assert not list(built.path.rglob("*.pkl"))


def test_a_signature_given_is_the_one_used(classifier: Trained, tmp_path: Path) -> None:
    """Units, ranges and label order are the author's; the policy can be set beside it."""
    signature = Signature(
        inputs=(Tensor(name="lead", shape=(32,), unit="mV", minimum=-5, maximum=5),),
        output=Classes(labels=("wave", "loud", "flat")),
    )
    built = build(
        classifier.model,
        name="beat",
        sample=classifier.rows,
        signature=signature,
        out_of_range="clip",
        out=tmp_path / "beat",
    )
    assert built.signature.inputs == signature.inputs
    assert built.signature.out_of_range == "clip"
    answer = built.golden().answers[0]
    assert list(answer["probabilities"]) == ["wave", "loud", "flat"]
    assert answer["confidence"] == max(answer["probabilities"].values())


def test_a_column_that_the_model_does_not_use_is_refused(
    regressor: Trained, tmp_path: Path
) -> None:
    """The answer left in the sample is no input, unless a signature says that it is one."""
    rows = regressor.rows.assign(outcome=1.0)
    with pytest.raises(ConfigurationError, match="does not use outcome"):
        build(regressor.model, name="cost", sample=rows, out=tmp_path / "cost")
    inputs = tuple(Number(name=name) for name in rows)
    built = build(
        regressor.model,
        name="cost",
        sample=rows,
        signature=Signature(inputs=inputs, output=Value()),
        out=tmp_path / "cost",
    )
    assert [field.name for field in built.signature.inputs] == ["age", "dose", "outcome"]


def test_golden_examples_keep_to_the_ranges(regressor: Trained, tmp_path: Path) -> None:
    """Rows that the server would refuse are in the proof but not among the examples."""
    signature = Signature(
        inputs=(Number(name="age", minimum=60), Number(name="dose")), output=Value()
    )
    built = build(
        regressor.model,
        name="cost",
        sample=regressor.rows,
        signature=signature,
        out=tmp_path / "cost",
    )
    assert built.manifest.parity is not None
    assert built.manifest.parity.rows == 120
    assert all(record["age"] >= 60 for record in built.golden().records)


def test_retrained_on_new_data_it_is_a_patch(beat: Package, tmp_path: Path) -> None:
    """Same recipe, other weights: the third number; the parent is on record."""
    signals, labels = waves(seed=8)
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500)).fit(signals, labels)
    built = rebuild(beat, model, signals, tmp_path / "next")
    assert built.version == "1.0.1"
    assert "same recipe" not in built.manifest.reason
    assert "the recipe is the same" in built.manifest.reason
    assert built.manifest.parents == (beat.digest,)
    assert built.digest != beat.digest


def test_another_preprocessing_is_minor(beat: Package, tmp_path: Path) -> None:
    """Another scaler is another model for the same requests."""
    signals, labels = waves()
    model = make_pipeline(MinMaxScaler(), LogisticRegression(max_iter=500)).fit(signals, labels)
    built = rebuild(beat, model, signals, tmp_path / "next")
    assert built.version == "1.1.0"
    assert "preprocessing changed" in built.manifest.reason


def test_other_labels_are_major(beat: Package, tmp_path: Path) -> None:
    """Readers of the old labels would be lost; a lower version is refused."""
    signals, labels = waves()
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500))
    model.fit(signals, np.char.upper(labels))
    assert rebuild(beat, model, signals, tmp_path / "next").version == "2.0.0"
    with pytest.raises(VersionError, match=r"lowest version that says so is 2\.0\.0"):
        rebuild(beat, model, signals, tmp_path / "lower", version="1.1.0")
    assert not (tmp_path / "lower").exists()


def test_a_frame_of_numbers_can_be_one_tensor(tmp_path: Path) -> None:
    """With `tensor` the columns of a table become one input."""
    frame = patients()[["age", "dose"]]
    model = Ridge().fit(frame.to_numpy(), frame["age"])
    built = build(model, name="cost", sample=frame.to_numpy(), tensor="row", out=tmp_path / "cost")
    assert built.signature.inputs == (Tensor(name="row", shape=(2,)),)


def network() -> onnx.ModelProto:
    """A network of three numbers that puts out two logits."""
    helper = onnx.helper
    weights = onnx.numpy_helper.from_array(np.eye(3, 2, dtype=np.float32), "w")
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["logits"])],
        "network",
        [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, ["n", 3])],
        [helper.make_tensor_value_info("logits", onnx.TensorProto.FLOAT, ["n", 2])],
        [weights],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def test_labels_name_the_classes_of_a_network(tmp_path: Path) -> None:
    """An ONNX file that knows only positions gets its labels from the caller."""
    onnx.save(network(), tmp_path / "network.onnx")
    rows = np.random.default_rng(1).normal(size=(30, 3)).astype(np.float32)
    built = build(
        tmp_path / "network.onnx",
        name="network",
        sample=rows,
        labels=("no", "yes"),
        activation="softmax",
        tensor="x",
        out=tmp_path / "package",
    )
    assert {answer["label"] for answer in built.golden().answers} == {"no", "yes"}


@pytest.mark.parametrize(
    ("activation", "match"),
    [
        (
            None,
            r"answer to row 0, .* is no probabilities(?s:.*)give activation softmax, or sigmoid",
        ),
        ("sigmoid", r"several labels can hold at once, the output is a Vector, not Classes"),
        ("tanh", r"activation='tanh' is not known; give softmax or sigmoid, or none"),
    ],
)
def test_logits_are_not_packaged_as_probabilities(
    tmp_path: Path, activation: Any, match: str
) -> None:
    """What is not between 0 and 1, or does not add up to 1, would be told as confidence."""
    rows = np.random.default_rng(1).normal(size=(30, 3)).astype(np.float32)
    with pytest.raises(ConversionError, match=match):
        build(
            network(),
            name="network",
            sample=rows,
            labels=("no", "yes"),
            activation=activation,
            tensor="x",
            out=tmp_path / "package",
        )
    assert not (tmp_path / "package").exists()
