"""Packages on this machine, by digest. Nothing here needs MLflow or a network.

``cache/<hex>`` holds one package and is only ever renamed into place whole. ``cache/known`` holds,
for each registry, which digest a semantic version is: that never changes once registered.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from interlock import package
from interlock.errors import ConfigurationError, FormatError, IntegrityError, PackageError
from interlock.registry import address


class Cache:
    """The cache under `root`, for the registry at the address `uri`."""

    def __init__(self, root: Path, uri: str) -> None:
        self._root = root
        self._known = root / "known" / address.key(uri)

    def path(self, digest: str) -> Path:
        """Where the package with this digest is, or would be."""
        return self._root / digest.removeprefix("sha256:")

    def find(self, digest: str) -> Path | None:
        """The package with this digest, every byte checked; None when absent.

        A damaged package is thrown away, and so is absent from then on.
        """
        path = self.path(digest)
        if not path.exists():
            return None
        try:
            if package.verify(path).digest == digest:
                return path
        except PackageError:
            pass  # damaged in one way or another: all are answered alike, below
        self._discard(path)
        return None

    def put(self, digest: str, fetch: Callable[[Path], Path], *, anew: bool = False) -> Path:
        """The package with this digest, from `fetch` unless it is here already.

        `fetch` is given an empty directory and returns the package's directory in it. Processes
        that put the same package at the same time do not disturb each other. With `anew` it is
        fetched and checked in any case.

        Raises
        ------
        IntegrityError
            When what was fetched is not the package with this digest.
        """
        found = self.find(digest)
        if found is not None and not anew:
            return found
        with self._scratch() as scratch:
            fetched = fetch(scratch)
            _check(fetched, digest)
            return found or _move(fetched, self.path(digest))

    def known(self, name: str, version: str) -> str | None:
        """The digest of a semantic version that was seen in the registry before."""
        try:
            return (self._known / name / version).read_text().strip()
        except FileNotFoundError:
            return None

    def remember(self, name: str, version: str, digest: str) -> None:
        """Note which digest a semantic version is."""
        path = self._known / name / version
        path.parent.mkdir(parents=True, exist_ok=True)
        with self._scratch() as scratch:
            (scratch / "digest").write_text(digest + "\n")
            (scratch / "digest").replace(path)

    def _discard(self, path: Path) -> None:
        with self._scratch() as scratch:
            try:
                path.rename(scratch / "damaged")
            except FileNotFoundError:
                return  # somebody else found the damage first

    @contextmanager
    def _scratch(self) -> Iterator[Path]:
        """A directory on the same file system, so that renaming out of it is atomic."""
        self._root.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix="tmp-", dir=self._root))
        try:
            yield scratch
        finally:
            shutil.rmtree(scratch, ignore_errors=True)


def copy(source: Path, to: Path) -> Path:
    """Copy the package at `source` to `to`, which must not exist or be empty; whole or not at all.

    Raises
    ------
    ConfigurationError
        When `to` holds something already.
    """
    if to.exists() and (not to.is_dir() or any(to.iterdir())):
        raise ConfigurationError(f"{to} exists already; name a directory that is empty or new")
    to.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=f".{to.name}-", dir=to.parent))
    try:
        copied = shutil.copytree(source, scratch / "package")
        package.verify(copied)
        return copied.rename(to)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _check(fetched: Path, digest: str) -> None:
    try:
        found = package.verify(fetched).digest
    except (IntegrityError, FormatError) as error:
        raise IntegrityError(f"the registry's files of {digest} are damaged: {error}") from error
    if found != digest:
        raise IntegrityError(
            f"the registry's files are package {found}, but {digest} was registered:"
            " they were replaced after registration"
        )


def _move(fetched: Path, path: Path) -> Path:
    try:
        return fetched.rename(path)
    except OSError:
        if not path.is_dir():
            raise
        return path  # somebody else put the same package there a moment ago, checked as we did
