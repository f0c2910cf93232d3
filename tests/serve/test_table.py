"""The file that says what is served."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import pytest

from interlock.errors import ConfigurationError, FormatError, IntegrityError, PackageError
from interlock.serve import table
from interlock.serve.table import Deployment, Table


def deployment(name: str, version: str = "1.0.0") -> Deployment:
    return Deployment(name=name, version=version, digest="sha256:0", path="/nowhere")


def test_a_table_is_read_as_it_was_written(tmp_path: Path) -> None:
    """Whole, with nothing left beside it; every writing changes the stamp."""
    first = Table(deployments=(deployment("ecg"),))
    table.write(tmp_path, first)
    stamp = table.stamp(tmp_path)
    assert table.read(tmp_path) == first
    table.write(tmp_path, first.replace({}))
    assert table.stamp(tmp_path) != stamp
    assert [path.name for path in tmp_path.iterdir()] == ["table.json"]


def test_two_writings_are_told_from_none(tmp_path: Path) -> None:
    """The file system gives the number of a file that is gone to the next: A, B, A is no rest."""
    stamps = []
    for _ in range(20):
        table.write(tmp_path, Table(deployments=(deployment("ecg"),)))
        stamps.append(table.stamp(tmp_path))
        time.sleep(0.01)  # the clock of a file system goes in steps
    assert len(set(stamps)) == len(stamps)


def test_replacing_counts_revisions_and_keeps_the_order() -> None:
    """Those that are not named stay as they are."""
    old = Table(deployments=(deployment("a"), deployment("b"), deployment("c")))
    new = old.replace({"b": deployment("b", "2.0.0")})
    assert [found.version for found in new.deployments] == ["1.0.0", "2.0.0", "1.0.0"]
    assert (old.revision, new.revision) == (1, 2)


def test_tables_that_make_no_sense_are_refused() -> None:
    """Nothing at all, or one name twice."""
    with pytest.raises(ConfigurationError, match="nothing to serve"):
        Table(deployments=())
    with pytest.raises(ConfigurationError, match="ecg: two versions"):
        Table(deployments=(deployment("ecg"), deployment("ecg", "2.0.0")))


@pytest.mark.parametrize("content", [b"", b"{}", b'{"deployments": []}', b'{"deployments": 3}'])
def test_what_is_no_table_is_refused_by_its_path(tmp_path: Path, content: bytes) -> None:
    """A damaged file is named."""
    (tmp_path / "table.json").write_bytes(content)
    with pytest.raises((FormatError, ConfigurationError)):
        table.read(tmp_path)


def test_a_package_is_described_with_where_its_link_led(beat_package: Path, tmp_path: Path) -> None:
    """The directory as it was named, and the path that was served."""
    link = tmp_path / "current"
    link.symlink_to(beat_package)
    found = table.describe(link)
    assert (found.name, found.version) == ("beat", "1.0.0")
    assert (found.directory, found.path) == (str(link), str(beat_package.resolve()))
    assert table.renewed(found) == found


@pytest.mark.parametrize("file", ["signature.json", "model.onnx", "manifest.json"])
def test_a_package_that_was_edited_is_not_renewed(
    beat_package: Path, tmp_path: Path, file: str
) -> None:
    """One byte more in any file, and it is not the package any more."""
    copy = shutil.copytree(beat_package, tmp_path / "beat")
    found = table.describe(copy)
    with (copy / file).open("ab") as opened:
        opened.write(b" ")
    with pytest.raises(IntegrityError, match=file):
        table.renewed(found)


def test_another_model_is_not_taken_for_a_new_version(
    beat_package: Path, moody_package: Path, tmp_path: Path
) -> None:
    """A link that leads to a model of another name is refused by both names."""
    link = tmp_path / "current"
    link.symlink_to(beat_package)
    found = table.describe(link)
    link.unlink()
    with pytest.raises(PackageError, match="no such directory"):
        table.renewed(found)
    link.symlink_to(moody_package)
    with pytest.raises(ConfigurationError, match=r"moody.*beat"):
        table.renewed(found)
