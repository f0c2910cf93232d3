from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from interlock.errors import ConfigurationError, FormatError, IntegrityError, PackageError
from interlock.package import Package, digest, read, signing, verify


def relist(root: Path) -> None:
    """Make the listing right again after a change that is not about digests."""
    (root / digest.LISTING).write_bytes(digest.listing(root).to_json())


def test_read_gives_what_was_built(beat: Package) -> None:
    """A package read from disk has its manifest, signature, graph and golden examples."""
    found = read(beat.path)
    assert (found.name, found.version) == ("beat", "1.0.0")
    assert found.signature.inputs[0].name == "beat"
    assert found.graph_path.is_file()
    assert found.digest.startswith("sha256:")
    assert len(found.golden().records) == len(found.golden().answers) == 9
    assert not found.signed


def test_read_of_nothing_says_so(tmp_path: Path) -> None:
    """A directory that is not there, or is no package, is named."""
    with pytest.raises(PackageError, match="no such directory"):
        read(tmp_path / "absent")
    with pytest.raises(PackageError, match="no such directory"):
        verify(tmp_path / "absent")
    with pytest.raises(IntegrityError, match=r"digests\.json is missing"):
        read(tmp_path)


def test_read_refuses_a_directory_without_its_files(copy: Path) -> None:
    """Reading does not need digests to see that the graph is not there."""
    (copy / "model.onnx").unlink()
    with pytest.raises(IntegrityError, match=r"model\.onnx is missing"):
        read(copy)


def test_read_refuses_a_format_from_the_future(copy: Path) -> None:
    """A newer format is refused by number, whatever else it holds."""
    (copy / "manifest.json").write_text('{"format": 99, "shape": "unheard of"}')
    with pytest.raises(FormatError, match="format 99; this release reads format 1"):
        read(copy)


@pytest.mark.parametrize("name", ["manifest.json", "signature.json"])
@pytest.mark.parametrize("text", ["not json", '{"format": "one"}', "[]", b"\xff\xfe"])
def test_read_names_the_file_that_it_cannot_parse(copy: Path, name: str, text: str | bytes) -> None:
    """Broken JSON is a FormatError that names its file, never a traceback."""
    (copy / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(FormatError, match=name):
        read(copy)


def test_verify_accepts_an_untouched_package(copy: Path, beat: Package) -> None:
    """A copy of every byte is the same package: same digest."""
    assert verify(copy).digest == beat.digest


def test_verify_names_the_first_file_that_changed(copy: Path) -> None:
    """Of several changed files the first by name is told."""
    for name in ("profile.json", "card.md", "model.onnx"):
        (copy / name).write_bytes((copy / name).read_bytes() + b" ")
    with pytest.raises(IntegrityError, match=r"^card\.md does not match"):
        verify(copy)


def test_verify_sees_one_flipped_bit_of_the_graph(copy: Path) -> None:
    """Size alone is not what is compared."""
    graph = bytearray((copy / "model.onnx").read_bytes())
    graph[len(graph) // 2] ^= 1
    (copy / "model.onnx").write_bytes(graph)
    with pytest.raises(IntegrityError, match=r"^model\.onnx does not match"):
        verify(copy)


def test_verify_names_a_missing_file(copy: Path) -> None:
    """A listed file that is gone is named."""
    (copy / "bom.json").unlink()
    with pytest.raises(IntegrityError, match=r"^bom\.json is missing"):
        verify(copy)


@pytest.mark.parametrize("name", ["extra.txt", "folder/extra.pkl", ".hidden"])
def test_verify_names_a_file_that_is_not_listed(copy: Path, name: str) -> None:
    """Nothing can be slipped in, however deep or hidden."""
    (copy / name).parent.mkdir(exist_ok=True)
    (copy / name).write_text("slipped in")
    with pytest.raises(IntegrityError, match=f"^{name} is not listed"):
        verify(copy)


def test_verify_refuses_a_link_even_to_the_same_bytes(copy: Path, tmp_path: Path) -> None:
    """A link can be pointed elsewhere after the check, so none is followed."""
    elsewhere = tmp_path / "elsewhere.onnx"
    (copy / "model.onnx").rename(elsewhere)
    (copy / "model.onnx").symlink_to(elsewhere)
    with pytest.raises(IntegrityError, match=r"model\.onnx is a symbolic link"):
        verify(copy)


def test_verify_refuses_a_link_to_a_directory(copy: Path, tmp_path: Path) -> None:
    """Directories are no way around the rule."""
    (copy / "more").symlink_to(tmp_path)
    with pytest.raises(IntegrityError, match="more is a symbolic link"):
        verify(copy)


@pytest.mark.parametrize(
    "name", ["../outside.txt", "/etc/hostname", "a/../../b", "a\\b", "./card.md"]
)
def test_verify_refuses_a_listing_that_leaves_the_directory(copy: Path, name: str) -> None:
    """A listing can name nothing outside, whether it is there or not."""
    listing = json.loads((copy / digest.LISTING).read_text())
    listing["files"][name] = {"size": 1, "sha256": "0" * 64}
    (copy / digest.LISTING).write_text(json.dumps(listing))
    with pytest.raises(IntegrityError, match="leaves the package directory"):
        verify(copy)


def test_verify_refuses_an_unreadable_listing(copy: Path) -> None:
    """A listing that is no listing was changed: an IntegrityError."""
    (copy / digest.LISTING).write_text('{"files": []}')
    with pytest.raises(IntegrityError, match=r"digests\.json was changed"):
        verify(copy)


def test_verify_compares_golden_examples_with_the_signature(copy: Path) -> None:
    """Files that are each intact but do not belong together are refused."""
    golden = json.loads((copy / "golden.json").read_text())
    golden["records"][0] = {"pulse": 3}
    (copy / "golden.json").write_text(json.dumps(golden))
    relist(copy)
    with pytest.raises(IntegrityError, match="pulse"):
        verify(copy)


def test_verify_compares_golden_answers_with_the_labels(copy: Path) -> None:
    """An expected label that the signature does not know is refused."""
    golden = json.loads((copy / "golden.json").read_text())
    golden["answers"][0]["label"] = "unheard of"
    (copy / "golden.json").write_text(json.dumps(golden))
    relist(copy)
    with pytest.raises(IntegrityError, match="unheard of"):
        verify(copy)


def test_verify_compares_the_mlflow_model_with_the_manifest(copy: Path) -> None:
    """A manifest swapped for another version's, listing and all, is seen."""
    text = (copy / "manifest.json").read_text().replace('"1.0.0"', '"2.0.0"', 1)
    (copy / "manifest.json").write_text(text)
    relist(copy)
    with pytest.raises(IntegrityError, match=r"bom\.json describes beat 1\.0\.0"):
        verify(copy)


def test_verify_with_a_key_needs_a_signature_by_it(copy: Path, tmp_path: Path) -> None:
    """Unsigned, signed by somebody else, and changed after signing are three refusals."""
    mine, _ = signing.generate(tmp_path / "mine")
    other, _ = signing.generate(tmp_path / "other")
    with pytest.raises(IntegrityError, match="not signed"):
        verify(copy, public_key=mine)
    signing.sign(copy, tmp_path / "mine")
    assert verify(copy, public_key=mine).signed
    with pytest.raises(IntegrityError, match="was made with key sha256:"):
        verify(copy, public_key=other)
    (copy / "card.md").write_text("better than it is")
    relist(copy)
    with pytest.raises(IntegrityError, match=r"digests\.sig does not hold"):
        verify(copy, public_key=mine)


def test_a_required_signature_needs_a_key(copy: Path) -> None:
    """What cannot be checked is not taken on trust."""
    with pytest.raises(ConfigurationError, match="no public key"):
        verify(copy, require_signature=True)


def test_reading_imports_nothing_that_builds() -> None:
    """A server that reads a package loads no library that only building needs."""
    code = (
        "import sys, interlock.package as p; p.read, p.verify\n"
        "heavy = {'pandas', 'sklearn', 'mlflow', 'onnx', 'pyarrow', 'cyclonedx', 'cryptography'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
