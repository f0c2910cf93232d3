"""The directory that becomes a package: all of it, or nothing."""

from __future__ import annotations

import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from interlock.errors import ConfigurationError, PackageError


def check(out: Path) -> None:
    """Refuse a place that cannot become a package: a build takes minutes, so this is said before.

    Raises
    ------
    PackageError
        When there is something already.
    ConfigurationError
        When nothing can be made there.
    """
    try:
        if out.exists() or out.is_symlink():
            raise PackageError(f"{out} exists already; a package is never overwritten")
        nearest = next(folder for folder in out.absolute().parents if folder.exists())
        with tempfile.TemporaryDirectory(dir=nearest, prefix=".interlock."):
            pass
    except OSError as error:
        raise ConfigurationError(f"{out} cannot be made: {error.strerror}") from error


@contextmanager
def staged(out: Path) -> Iterator[Path]:
    """A new directory beside `out` that becomes `out` when all went well, else vanishes."""
    folder = out.parent / f".{out.name}.{uuid.uuid4().hex[:8]}"
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir()
        yield folder
        folder.rename(out)
    except OSError as error:
        raise PackageError(f"{out} cannot be written: {error.strerror or error}") from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)
