"""Reading the rows that a policy names, from a file or from the project's own function."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from interlock.data import project
from interlock.data.rows import Array, Features, Rows
from interlock.errors import ConfigurationError, EvidenceError
from interlock.package import sample
from interlock.policy import Policy

_FEW = 5
"""Row numbers that a message names."""


def load(policy: Policy, folder: Path) -> Rows:
    """All rows of ``[data] source``; a file is relative to `folder`, where the policy lies.

    A function of the project returns a DataFrame (or a dict of arrays) with all columns, or a pair
    of features and labels.

    Raises
    ------
    ConfigurationError
        When there is no source, or it lacks a column that the policy names.
    EvidenceError
        When it has no rows, or one without truth.
    """
    source = policy.data.source
    if not source:
        raise ConfigurationError('[data] source is not set: name a file, or "module:function"')
    if not project.is_reference(source):
        return read_file(folder / source, policy)
    found = project.function(source, folder, "data.source")()
    return _rows(_whole(found, policy.data.label, source), policy, source)


def read_file(path: Path, policy: Policy) -> Rows:
    """All rows of a Parquet, CSV, JSON or npz file that is laid out as ``[data]`` says.

    Raises what `load` raises.
    """
    return _rows(_whole(sample.read(path), policy.data.label, str(path)), policy, str(path))


def _whole(found: Any, label: str, source: str) -> Features:
    """What a source gave, as columns by name with the label among them."""
    if isinstance(found, tuple) and len(found) == 2:
        features, truth = found
        columns = {"input": features} if isinstance(features, np.ndarray) else features
        if isinstance(columns, pd.DataFrame):
            return columns.assign(**{label: np.asarray(truth)})
        return {**columns, label: np.asarray(truth)}
    if isinstance(found, pd.DataFrame | Mapping):
        return found if isinstance(found, pd.DataFrame) else dict(found)
    raise ConfigurationError(
        f"{source} gave a {type(found).__name__}: expected a DataFrame, a dict of arrays,"
        " or a pair of features and labels"
    )


def _rows(whole: Features, policy: Policy, source: str) -> Rows:
    data = policy.data
    special = {"label": data.label, "time": data.time, "group": data.group, "event": data.event}
    named = {key: name for key, name in special.items() if name}
    _refuse_absent(
        whole,
        {
            **{name: f"data.{key}" for key, name in named.items()},
            **dict.fromkeys(data.drop, "data.drop"),
        },
        source,
    )
    columns = {str(name): np.asarray(whole[name]) for name in whole}
    taken = {key: _array(columns[name]) for key, name in named.items()}
    for key, values in taken.items():
        _refuse_missing(values, named[key], source)
        _refuse_mixed(values, f"data.{key} ({named[key]})", source)
    truth = taken.pop("label")
    away = {*named.values(), *data.drop}
    return Rows(
        features=_features(whole, [name for name in whole if name not in away], source),
        truth=truth,
        index=np.arange(len(truth)),
        columns={name: values for name, values in columns.items() if _is_flat(values)},
        **_read(taken, source),
    )


def _refuse_absent(whole: Features, wanted: Mapping[str, str], source: str) -> None:
    for name, key in wanted.items():
        if name not in whole:
            columns = ", ".join(str(column) for column in whole)
            raise ConfigurationError(
                f"{source} has no column {name!r}, which {key} names; it has {columns}"
            )


def _refuse_missing(values: Array, name: str, source: str) -> None:
    if not len(values):
        raise EvidenceError(f"{source} has no rows")
    missing = pd.isna(values) if values.ndim == 1 else pd.isna(values).any(axis=1)
    if missing.any():
        rows = np.flatnonzero(missing)
        named = ", ".join(map(str, rows[:_FEW])) + (", …" if len(rows) > _FEW else "")
        raise EvidenceError(f"{source}: {name} is missing in {len(rows)} rows: {named}")


def _refuse_mixed(values: Array, what: str, source: str) -> None:
    """Numbers beside text do not sort, and nobody knows whether 7 and "7" are the same."""
    if values.dtype != object or values.ndim > 1:
        return
    kinds = {isinstance(value, str): value for value in values.tolist()}
    if len(kinds) > 1:
        raise ConfigurationError(
            f"{source}: {what} holds text and other values, such as {kinds[True]!r} and"
            f" {kinds[False]!r}: write all of them as text, or none"
        )


def _features(whole: Features, names: list[Any], source: str) -> Features:
    if not names:
        raise ConfigurationError(f"{source}: no column is left to learn from")
    if isinstance(whole, dict):
        return {str(name): _tensor(whole[name], name, source) for name in names}
    lists = [name for name in names if _is_list(whole[name])]
    if lists and len(lists) < len(names):
        flat = ", ".join(str(name) for name in names if name not in lists)
        raise ConfigurationError(
            f"{source}: {', '.join(map(str, lists))} hold arrays and {flat} single values;"
            " a model takes the one or the other: name some in data.drop"
        )
    found: Features = sample.tensors(whole[names])
    return found


def _tensor(values: Any, name: Any, source: str) -> Array:
    array = np.asarray(values)
    if array.dtype.kind not in "biuf":
        raise ConfigurationError(
            f"{source}: {name} holds {array.dtype} and not numbers: arrays by name are tensors."
            " Name it in data.drop, or give records as a table"
        )
    return array


def _read(taken: Mapping[str, Array], source: str) -> dict[str, Array]:
    """Time as something that sorts, the event as true or false."""
    read = dict(taken)
    if "time" in read and read["time"].dtype.kind in "OUS":
        read["time"] = _moments(read["time"], source)
    if "event" in read:
        # Python finds the word "no" true.
        if not set(read["event"].tolist()) <= {0, 1}:
            raise ConfigurationError(
                f"{source}: data.event holds more than true and false, or 1 and 0"
            )
        read["event"] = read["event"].astype(bool)
    return read


def _moments(written: Array, source: str) -> Array:
    moments = pd.to_datetime(pd.Series(written), utc=True, format="ISO8601", errors="coerce")
    if moments.isna().any():
        row = int(np.flatnonzero(moments.isna())[0])
        raise ConfigurationError(
            f"{source}: data.time holds no times: {written[row]!r} in row {row};"
            " write them as 2026-01-31T12:00"
        )
    found: Array = moments.dt.tz_localize(None).to_numpy()
    return found


def _array(values: Array) -> Array:
    """A column whose cells are lists as one array with an axis more."""
    return np.stack([np.asarray(cell) for cell in values]) if _is_list(values) else values


def _is_list(values: Any) -> bool:
    column = np.asarray(values)
    return column.dtype == object and len(column) > 0 and isinstance(column[0], list | np.ndarray)


def _is_flat(values: Array) -> bool:
    return values.ndim == 1 and not _is_list(values)
