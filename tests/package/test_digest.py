from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from interlock.errors import FormatError, IntegrityError
from interlock.package import digest


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A directory of two files, listed."""
    folder = tmp_path / "root"
    (folder / "deep").mkdir(parents=True)
    (folder / "a.txt").write_bytes(b"alpha")
    (folder / "deep" / "b.txt").write_bytes(b"")
    (folder / digest.LISTING).write_bytes(digest.listing(folder).to_json())
    return folder


def test_a_listing_has_size_and_digest_of_every_file(root: Path) -> None:
    """Files in folders too, the listing itself not."""
    files = digest.listing(root).files
    assert list(files) == ["a.txt", "deep/b.txt"]
    assert files["a.txt"] == digest.FileDigest(5, hashlib.sha256(b"alpha").hexdigest())


def test_a_listing_reads_back_with_the_digest_of_its_bytes(root: Path) -> None:
    """The package's own digest is that of the listing as it lies on disk."""
    found, package_digest = digest.read_listing(root)
    assert found == digest.listing(root)
    raw = (root / digest.LISTING).read_bytes()
    assert package_digest == digest.of_bytes(raw) == "sha256:" + hashlib.sha256(raw).hexdigest()


def test_signing_does_not_change_the_listing(root: Path) -> None:
    """The signature is made of the listing, so it cannot be in it."""
    (root / digest.SIGNATURE).write_text("signed")
    digest.check(root, digest.read_listing(root)[0])


def test_the_same_files_make_the_same_listing(root: Path, tmp_path: Path) -> None:
    """Order of creation and times do not matter."""
    other = tmp_path / "other"
    (other / "deep").mkdir(parents=True)
    (other / "deep" / "b.txt").write_bytes(b"")
    (other / "a.txt").write_bytes(b"alpha")
    os.utime(other / "a.txt", (0, 0))
    assert digest.listing(other).to_json() == digest.listing(root).to_json()


def test_the_first_fault_by_name_is_told(root: Path) -> None:
    """Missing, changed and extra files stand in one order."""
    listed = digest.read_listing(root)[0]
    (root / "z.txt").write_text("extra")
    (root / "deep" / "b.txt").write_text("changed")
    with pytest.raises(IntegrityError, match=r"^deep/b\.txt does not match"):
        digest.check(root, listed)
    (root / "a.txt").unlink()
    with pytest.raises(IntegrityError, match=r"^a\.txt is missing"):
        digest.check(root, listed)


def test_special_files_are_refused(root: Path) -> None:
    """A pipe would hang whoever reads it."""
    os.mkfifo(root / "pipe")
    with pytest.raises(IntegrityError, match="pipe is not a plain file"):
        digest.listing(root)


def test_a_listing_that_is_a_link_is_none(root: Path, tmp_path: Path) -> None:
    """It could be another one at the next look."""
    (root / digest.LISTING).rename(tmp_path / "elsewhere")
    (root / digest.LISTING).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(IntegrityError, match="is missing"):
        digest.read_listing(root)


def test_a_listing_of_another_format_is_refused(root: Path) -> None:
    """Its format has a number too."""
    (root / digest.LISTING).write_text('{"files": {}, "format": 2}')
    with pytest.raises(FormatError, match="format 2"):
        digest.read_listing(root)
