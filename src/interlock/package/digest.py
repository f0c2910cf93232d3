"""Digests: one SHA-256 for every file of a package, and one for the package as a whole."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import msgspec

from interlock.errors import FormatError, IntegrityError
from interlock.package.manifest import Described, decode

LISTING = "digests.json"
SIGNATURE = "digests.sig"


class FileDigest(msgspec.Struct, frozen=True):
    """Size in bytes and SHA-256 of one file."""

    size: int
    sha256: str


class Digests(msgspec.Struct, frozen=True):
    """Every file of a package but the listing and its signature, by relative POSIX path."""

    files: dict[str, FileDigest]
    format: int = 1

    def to_json(self) -> bytes:
        return msgspec.json.format(msgspec.json.encode(self, order="sorted"), indent=2) + b"\n"


def of_bytes(data: bytes) -> str:
    """Digest of `data` as written everywhere: ``sha256:`` and 64 hexadecimal digits."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def of_file(path: Path) -> FileDigest:
    """Size and SHA-256 of the file at `path`."""
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    return FileDigest(size=path.stat().st_size, sha256=sha256)


def listing(root: Path) -> Digests:
    """Digests of every file under `root`.

    Raises
    ------
    IntegrityError
        For a symbolic link, or anything else that is neither a file nor a directory.
    """
    names = sorted(set(_names(root)) - {LISTING, SIGNATURE})
    return Digests(files={name: of_file(root / name) for name in names})


def read_listing(root: Path) -> tuple[Digests, str]:
    """What the package at `root` says of its files, and the digest of the package itself.

    Raises
    ------
    IntegrityError
        When there is no listing, or it was changed into something that is none.
    FormatError
        When it is of a format that this release does not read.
    """
    path = root / LISTING
    if path.is_symlink() or not path.is_file():
        raise IntegrityError(f"{root}: {LISTING} is missing, so this is not a complete package")
    text = path.read_bytes()
    digests = intact(text, Digests, LISTING)
    if digests.format != 1:
        raise FormatError(f"{LISTING} is of format {digests.format}; this release reads format 1")
    return digests, of_bytes(text)


def intact(text: bytes, kind: type[Described], name: str) -> Described:
    """What the file `name` said when it was written; raises IntegrityError when it is damaged."""
    try:
        return decode(text, kind, name)
    except FormatError as error:
        raise IntegrityError(f"{name} was changed: {error}") from error


def check(root: Path, expected: Digests) -> None:
    """Compare every file under `root` with `expected`, in order of their names.

    Raises
    ------
    IntegrityError
        Names the first file that is listed twice over, missing, changed, a link, or not listed.
    """
    for name in expected.files:
        _refuse_escape(name)
    present = set(_names(root)) - {LISTING, SIGNATURE}
    for name in sorted(present | set(expected.files)):
        if name not in expected.files:
            raise IntegrityError(f"{name} is not listed in {LISTING}: it was added later")
        if name not in present:
            raise IntegrityError(f"{name} is missing")
        if of_file(root / name) != expected.files[name]:
            raise IntegrityError(f"{name} does not match its digest: it was changed")


def _names(root: Path) -> Iterator[str]:
    for folder, directories, files in os.walk(root):
        for entry in sorted(directories + files):
            path = Path(folder, entry)
            name = path.relative_to(root).as_posix()
            if path.is_symlink():
                raise IntegrityError(f"{name} is a symbolic link; a package holds plain files only")
            if path.is_file():
                yield name
            elif not path.is_dir():
                raise IntegrityError(f"{name} is not a plain file")


def _refuse_escape(name: str) -> None:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name or path.as_posix() != name:
        raise IntegrityError(f"{LISTING} lists {name!r}, which leaves the package directory")
