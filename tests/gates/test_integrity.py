"""`integrity`: tampering and foreign code, each found by what it is."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

from interlock.errors import ConfigurationError
from interlock.gates import content, integrity
from interlock.package import digest, reader, signing
from tests.gates.conftest import MakeCase, Project, resealed


def test_an_honest_package_passes(make_case: MakeCase) -> None:
    """All files, a clean load, and golden examples answered."""
    finding = integrity.check(make_case("1.0.0"))
    assert finding.verdict == "passed", finding
    assert "golden examples without running foreign code" in finding.sentence
    assert finding.figures["operators"]["ai.onnx"] > 0


def test_a_changed_file_fails_by_name(make_case: MakeCase, copied: Path) -> None:
    """One byte in the card suffices."""
    package = reader.read(copied)
    (copied / "card.md").write_text("# Another card")
    finding = integrity.check(make_case(package))
    assert finding.verdict == "failed"
    assert "card.md does not match its digest" in finding.sentence


@pytest.mark.parametrize(
    ("name", "body", "kind"),
    [
        ("train.py", b"print()", "Python code"),
        ("model.pkl", b"x", "a pickle"),
        ("weights.bin", b"\x80\x04x.", "a pickle"),
        ("ops", b"\x7fELF\x02", "a library"),
        ("run", b"#!/bin/sh\n", "a script"),
    ],
)
def test_files_that_something_would_run_fail(
    make_case: MakeCase, copied: Path, name: str, body: bytes, kind: str
) -> None:
    """Even when their digests are in order."""
    (copied / name).write_bytes(body)
    finding = integrity.check(make_case(resealed(copied)))
    assert finding.verdict == "failed"
    assert f"{name} is {kind}" in finding.sentence


def changed(root: Path, change: str) -> None:
    """Put something foreign into the graph at `root`."""
    model = onnx.load(str(root / "model.onnx"))
    if change == "domain":
        node = helper.make_node("Spy", ["label"], ["spied"], domain="acme.ops")
        branch = helper.make_graph([node], "inside", [], [])
        model.graph.node.append(helper.make_node("If", ["x"], ["y"], then_branch=branch))
    elif change == "context":
        model.graph.node.append(helper.make_node("EPContext", [], ["z"], domain="com.microsoft"))
    else:
        tensor = TensorProto(name="w", data_location=TensorProto.EXTERNAL, dims=[1], data_type=1)
        tensor.external_data.add(key="location", value=change)
        model.graph.initializer.append(tensor)
    (root / "model.onnx").write_bytes(model.SerializeToString())


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("domain", "needs the operator acme.ops.Spy of a library"),
        ("context", "EPContext, which holds a compiled program"),
        ("../../secret.bin", "reads weights from ../../secret.bin, outside"),
        ("/etc/passwd", "reads weights from /etc/passwd, outside"),
    ],
)
def test_foreign_parts_of_the_graph_fail(
    make_case: MakeCase, copied: Path, change: str, said: str
) -> None:
    """Wherever in the graph they are, branches included."""
    changed(copied, change)
    finding = integrity.check(make_case(resealed(copied)))
    assert finding.verdict == "failed"
    assert said in finding.sentence


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("loader_module: mlflow.onnx", "loader_module: mlflow.pyfunc.model", "mlflow.pyfunc"),
        ("code: null", "code: stuff", "names code of the flavour onnx"),
        ("flavors:", "flavors:\n  sklearn:\n    pickled_model: model.onnx", "flavour sklearn"),
        ("flavors:", "flavors: [", "cannot be read"),
    ],
)
def test_an_mlmodel_that_loads_code_fails(
    make_case: MakeCase, copied: Path, old: str, new: str, said: str
) -> None:
    """MLflow must load nothing but the graph either."""
    path = copied / "MLmodel"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new, 1))
    finding = integrity.check(make_case(resealed(copied)))
    assert finding.verdict == "failed"
    assert said in finding.sentence


def test_a_graph_that_does_not_load_fails(make_case: MakeCase, copied: Path) -> None:
    """The sentence is the runtime's own."""
    model = onnx.load(str(copied / "model.onnx"))
    model.graph.node[0].op_type = "NoSuchOperator"
    (copied / "model.onnx").write_bytes(model.SerializeToString())
    finding = integrity.check(make_case(resealed(copied)))
    assert finding.verdict == "failed"
    assert "does not load" in finding.sentence


def test_a_required_signature_must_hold(make_case: MakeCase, copied: Path, tmp_path: Path) -> None:
    """Unsigned fails, signed by another key fails, signed by the right one passes."""
    public, _ = signing.generate(tmp_path / "ours")
    rules = f'[gates.integrity]\nrequire_signature = true\npublic_key = "{public}"\n'
    unsigned = integrity.check(make_case(reader.read(copied), more=rules))
    assert (unsigned.verdict, "not signed" in unsigned.sentence) == ("failed", True)
    signing.generate(tmp_path / "theirs")
    signing.sign(copied, tmp_path / "theirs")
    assert integrity.check(make_case(reader.read(copied), more=rules)).verdict == "failed"
    signing.sign(copied, tmp_path / "ours")
    passed = integrity.check(make_case(reader.read(copied), more=rules))
    assert passed.verdict == "passed"
    assert "the signature holds" in passed.sentence


def test_a_signature_that_is_not_required_must_still_hold(
    make_case: MakeCase, copied: Path, tmp_path: Path
) -> None:
    """Whoever names a key gets it checked where there is something to check."""
    public, _ = signing.generate(tmp_path / "ours")
    rules = f'[gates.integrity]\npublic_key = "{public}"\n'
    assert integrity.check(make_case(reader.read(copied), more=rules)).verdict == "passed"
    signing.generate(tmp_path / "theirs")
    signing.sign(copied, tmp_path / "theirs")
    assert integrity.check(make_case(reader.read(copied), more=rules)).verdict == "failed"


def test_a_missing_key_is_no_verdict(make_case: MakeCase, copied: Path, tmp_path: Path) -> None:
    """It could not look: the runner makes that an error."""
    signing.generate(tmp_path / "ours")
    signing.sign(copied, tmp_path / "ours")
    rules = '[gates.integrity]\npublic_key = "gone.pub"\n'
    with pytest.raises(ConfigurationError, match=r"gone\.pub"):
        integrity.check(make_case(reader.read(copied), more=rules))


def test_weights_inside_the_package_are_its_own(waves: Project, copied: Path) -> None:
    """Only what lies outside is foreign."""
    assert content.foreign(waves.packages["1.0.0"]) == []
    changed(copied, "weights.data")
    assert digest.read_listing(copied)
    assert content.foreign(reader.read(copied)) == []
