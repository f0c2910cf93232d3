"""Reading a sample of rows from a file, in whatever form its suffix says."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import msgspec
import numpy as np
import pandas as pd

from interlock.errors import ConfigurationError


def read(path: Path, *, drop: tuple[str, ...] = ()) -> Any:
    """Rows of a Parquet, CSV, JSON, npy or npz file, without the columns `drop`.

    A table becomes a DataFrame; a table whose cells are lists, and an npz file, become a dict of
    arrays; an npy file is one array.

    Raises
    ------
    ConfigurationError
        When the file cannot be read, its suffix is none of these, what is in it is no rows, or it
        lacks a column of `drop`.
    """
    if path.suffix not in _READERS:
        known = ", ".join(_READERS)
        raise ConfigurationError(f"{path}: cannot read {path.suffix or 'no suffix'}; use {known}")
    try:
        return _without(_READERS[path.suffix](path), drop, path)
    except (OSError, EOFError, ValueError, BadZipFile, msgspec.DecodeError) as error:
        # What the system says of its own accord has a number in front and the path again.
        reason = getattr(error, "strerror", None) or error
        raise ConfigurationError(f"{path} cannot be read: {reason}") from error


def _without(rows: Any, drop: tuple[str, ...], path: Path) -> Any:
    if isinstance(rows, np.ndarray):
        if drop:
            raise ConfigurationError(f"{path} is one array: it has no column {drop[0]!r} to drop")
        return rows
    for name in drop:
        if name not in rows:
            columns = ", ".join(str(column) for column in rows)
            raise ConfigurationError(f"{path} has no column {name!r}; it has {columns}")
    kept = [name for name in rows if name not in drop]
    if isinstance(rows, pd.DataFrame):
        return tensors(rows[kept])
    return {name: rows[name] for name in kept}


def tensors(frame: pd.DataFrame) -> pd.DataFrame | dict[str, Any]:
    """A frame whose every cell is a list, as a dict of arrays; any other frame as it is."""
    first = frame.iloc[0] if len(frame) else []
    if not len(first) or not all(isinstance(cell, list | np.ndarray) for cell in first):
        return frame
    return {str(name): np.stack([np.asarray(cell) for cell in frame[name]]) for name in frame}


def _json(path: Path) -> Any:
    found = msgspec.json.decode(path.read_bytes())
    if isinstance(found, dict) and all(isinstance(values, list) for values in found.values()):
        return {name: np.asarray(values) for name, values in found.items()}
    if isinstance(found, list) and all(isinstance(row, dict) for row in found):
        return pd.DataFrame.from_records(found)
    if isinstance(found, list) and all(isinstance(row, list) for row in found):
        return np.asarray(found)
    raise ValueError("expected a list of records, a list of lists, or lists by name")


def _npz(path: Path) -> dict[str, Any]:
    # NumPy leaves the file open when it is no archive after all.
    with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
        return dict(archive)


def _npy(path: Path) -> Any:
    array = np.load(path, allow_pickle=False)
    if array.ndim < 1:
        raise ValueError("it holds a single value, not rows")
    return array


_READERS: dict[str, Callable[[Path], Any]] = {
    ".parquet": pd.read_parquet,
    ".csv": pd.read_csv,
    ".json": _json,
    ".npy": _npy,
    ".npz": _npz,
}
