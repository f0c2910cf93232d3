"""Rows whose truth is known: what models are trained on and judged by."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from interlock.data import identity
from interlock.errors import EvidenceError
from interlock.signature.infer import feeds
from interlock.signature.schema import Signature

Array: TypeAlias = NDArray[Any]
Features: TypeAlias = "pd.DataFrame | dict[str, Array]"


@dataclass(frozen=True, eq=False, kw_only=True)
class Rows:
    """Features and truth, one entry a row.

    Parameters
    ----------
    features
        What a model takes: a DataFrame, or for tensors a dict of arrays ``[rows, …]``.
    truth
        The label or the number of each row; ``[rows, steps]`` for forecasts; durations in whole
        steps for hazards.
    index
        Number of each row in its source, counted from 0.
    time, group
        When each row was, and whose it is; None where the policy names no such column.
    event
        Hazards only: whether the end was seen.
    columns
        Every column of the source that holds one value a row, by name, also those that are no
        features: what slices are cut by.

    Raises
    ------
    EvidenceError
        When the parts are not equally long.

    Examples
    --------
    >>> rows = Rows(
    ...     features={"x": np.array([[1.0], [2.0], [3.0]])},
    ...     truth=np.array(["a", "b", "a"]),
    ...     index=np.arange(3),
    ... )
    >>> rows.take(np.array([2, 0])).index.tolist()
    [2, 0]
    """

    features: Features
    truth: Array
    index: NDArray[np.int64]
    time: Array | None = None
    group: Array | None = None
    event: Array | None = None
    columns: Mapping[str, Array] = field(default_factory=dict)

    def __post_init__(self) -> None:
        lengths = {name: len(part) for name, part in self._parts()}
        if len(set(lengths.values())) > 1:
            raise EvidenceError(f"the parts of the rows are not equally long: {lengths}")

    def __len__(self) -> int:
        return len(self.truth)

    def take(self, rows: Array) -> Rows:
        """The given rows, in that order; `rows` are positions or a mask."""
        named = {one.name: getattr(self, one.name) for one in fields(self)}
        return Rows(**{name: _taken(part, rows) for name, part in named.items()})

    @cached_property
    def digest(self) -> str:
        """``sha256:…`` of features, truth, time, group and event of every row, in any order.

        Where a row stands in its source, and columns that are there for slices only, have no say:
        the same rows in another file are the same rows.
        """
        return f"sha256:{hashlib.sha256(b''.join(sorted(self._digests))).hexdigest()}"

    def ordered(self) -> Rows:
        """The same rows in an order of their own: what is drawn from them at random is then the
        same, however a file is sorted.
        """
        order = sorted(range(len(self)), key=self._digests.__getitem__)
        return self.take(np.array(order, np.int64))

    @cached_property
    def _digests(self) -> list[bytes]:
        facts = dict(_named("features", self.features))
        for name in ("truth", "time", "group", "event"):
            if getattr(self, name) is not None:
                facts[name] = getattr(self, name)
        return identity.digests(facts)

    def feed(self, signature: Signature) -> dict[str, Array]:
        """What the graph is fed for these rows; raises SignatureError where they do not fit."""
        return feeds(signature, self.features)

    def _parts(self) -> Iterator[tuple[str, Any]]:
        yield from _named("features", self.features)
        yield from _named("columns", self.columns)
        for name in ("truth", "index", "time", "group", "event"):
            if getattr(self, name) is not None:
                yield name, getattr(self, name)


def _named(what: str, columns: Any) -> Iterator[tuple[str, Array]]:
    for name in columns.keys():  # noqa: SIM118 - a DataFrame is not its keys to a type checker
        yield f"{what}.{name}", np.asarray(columns[name])


def _taken(part: Any, rows: Array) -> Any:
    if part is None:
        return None
    if isinstance(part, pd.DataFrame):
        return part.iloc[rows].reset_index(drop=True)
    if isinstance(part, Mapping):
        return {name: values[rows] for name, values in part.items()}
    return part[rows]
