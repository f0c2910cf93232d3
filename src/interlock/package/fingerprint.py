"""Where a package came from: the data, the code and the libraries that made it."""

from __future__ import annotations

import hashlib
import importlib.metadata
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from interlock.errors import ConfigurationError
from interlock.package.manifest import Code, DataFingerprint

# Module to distribution: what can have a say in how a graph comes out.
_LIBRARIES = {
    "interlock": "interlock",
    "lightgbm": "lightgbm",
    "numpy": "numpy",
    "onnx": "onnx",
    "onnxmltools": "onnxmltools",
    "onnxruntime": "onnxruntime",
    "pandas": "pandas",
    "skl2onnx": "skl2onnx",
    "sklearn": "scikit-learn",
    "torch": "torch",
    "xgboost": "xgboost",
}


def data(table: Any) -> DataFingerprint:
    """Fingerprint of a DataFrame, an array, a dict of arrays or a list of records.

    It depends on the names, kinds, order and values of the columns and on nothing else: the same
    rows read from another file format have the same fingerprint.

    Raises
    ------
    ConfigurationError
        When the columns are not equally long, or there are no rows to speak of.

    Examples
    --------
    >>> data({"age": np.array([61, 48])}).columns
    ('age',)
    """
    columns = list(_columns(table))
    lengths = {len(values) for _name, values in columns}
    if len(lengths) > 1:
        raise ConfigurationError(f"data columns are not equally long: {sorted(lengths)}")
    whole = hashlib.sha256()
    for name, values in columns:
        # Lengths go in too, so that no two tables run together into the same bytes.
        for part in (name.encode(), *_content(values)):
            whole.update(len(part).to_bytes(8, "little"))
            whole.update(part)
    return DataFingerprint(
        rows=max(lengths, default=0),
        columns=tuple(name for name, _values in columns),
        sha256=whole.hexdigest(),
    )


def code(folder: Path | None = None) -> Code | None:
    """Git revision of the work tree around `folder` (default: here); None where there is none.

    `dirty` looks at tracked files only: data and packages that lie about say nothing of the code.
    """
    git = shutil.which("git")
    revision = _git(git, folder, "rev-parse", "HEAD") if git else None
    if git is None or not revision:
        return None
    changed = _git(git, folder, "status", "--porcelain", "--untracked-files=no")
    return Code(revision=revision, dirty=bool(changed))


def libraries() -> dict[str, str]:
    """Versions of Python and of the libraries loaded now that can shape a graph."""
    found = {"python": platform.python_version()}
    for module, distribution in _LIBRARIES.items():
        version = _version(module, distribution)
        if module in sys.modules and version:
            found[distribution] = version
    return found


def _version(module: str, distribution: str) -> str | None:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        # Some come under several names: xgboost-cpu, mlflow.
        return getattr(sys.modules.get(module), "__version__", None)


def _git(git: str, folder: Path | None, *arguments: str) -> str | None:
    done = subprocess.run(
        [git, *arguments], cwd=folder, capture_output=True, text=True, check=False
    )
    return done.stdout.strip() if done.returncode == 0 else None


def _columns(table: Any) -> Iterator[tuple[str, np.ndarray[Any, Any]]]:
    if isinstance(table, list) and all(isinstance(record, Mapping) for record in table):
        names = list(dict.fromkeys(name for record in table for name in record))
        table = {name: _plain([record.get(name) for record in table]) for name in names}
    if not hasattr(table, "keys"):
        table = {"input": table}
    for name in list(table.keys()):
        yield str(name), _rows(name, table[name])


def _rows(name: Any, values: Any) -> np.ndarray[Any, Any]:
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise ConfigurationError(f"data {name}: rows are not of one shape: {error}") from error
    if array.ndim < 1:
        raise ConfigurationError(f"data {name}: {array!r} is one value, not rows")
    return array


def _plain(values: list[Any]) -> np.ndarray[Any, Any]:
    array = np.empty(len(values), object)
    array[:] = values
    return array


def _content(values: np.ndarray[Any, Any]) -> tuple[bytes, bytes, bytes]:
    shape = repr(values.shape).encode()
    if values.dtype.kind in "biufc":
        little = values.dtype.newbyteorder("<")
        content = np.ascontiguousarray(values.astype(little, copy=False))
        return little.str.encode(), shape, content.tobytes()
    return b"object", shape, msgspec.json.encode(values.tolist(), enc_hook=str)
