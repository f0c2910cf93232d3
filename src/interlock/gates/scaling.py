"""What the fitted scalers of a graph make of the rows that the model was trained on.

A scaler is fitted to its training rows, so it brings every column of them to the same spread: a
deviation of 1, or quartiles 1 apart, or the range from 0 to 1, or a largest value of 1. One that
brings all of several columns to twice that or more, or to half or less, was not fitted to these
rows, nor to most of them, nor to them as they were balanced, cleaned or made noisy. Whatever is
nearer, or off in some columns only, may be one of those. Only rows that the package says it has
seen are looked at, as others may well have come since. And only ``Scaler`` nodes are, which is what
fitted scalers of scikit-learn become: a graph may well divide by numbers of its own choice.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import onnx
import onnxruntime as ort
from numpy.typing import NDArray

from interlock.data import seen
from interlock.data.rows import Rows
from interlock.package import Package

Floats = NDArray[np.float64]

OFF = 2.0
"""How many times wider, or narrower, than 1 all columns are when it is no accident."""
LEAST = 100
"""Rows that are needed to judge."""
NEAR = 0.03
"""A scaler of quartiles or of ranges meets them so closely."""
MOST = 20_000
"""Rows looked at."""


class Scaled(NamedTuple):
    """Training rows as one scaler leaves them; whether it stretches each column."""

    values: Floats
    stretches: NDArray[np.bool_]


def faults(package: Package, rows: Rows) -> Iterator[str]:
    """A sentence for each scaler that is not the one of those `rows` that the package has seen."""
    known = np.flatnonzero(seen.among(rows, package))
    if len(known) < LEAST:
        return
    for scaled in _scaled(package, rows.take(known[:MOST])):
        spread = scaled.values.std(axis=0)
        judged = scaled.stretches & ~_otherwise(scaled.values) & (spread > 0)
        wide = spread[judged]
        if len(wide) > 1 and ((wide >= OFF).all() or (wide <= 1 / OFF).all()):
            columns = np.flatnonzero(judged)
            yield _sentence(columns[np.argmax(np.abs(np.log(wide)))], spread)


def _sentence(column: int, spread: Floats) -> str:
    return (
        f"Its preprocessing is not that of its training rows: it leaves column {column + 1} of them"
        f" with a deviation of {spread[column]:.3g}, and all others off likewise, where a scaler"
        " that was fitted to them leaves 1."
    )


def _otherwise(values: Floats) -> NDArray[np.bool_]:
    """Columns as scalers of another kind leave them: of quartiles, ranges, or largest values."""
    low, first, middle, third, high = np.quantile(values, (0, 0.25, 0.5, 0.75, 1), axis=0)
    quartiles = (np.abs(third - first - 1) < NEAR) & (np.abs(middle) < NEAR)
    ranged = (np.abs(low) < NEAR) & (np.abs(high - 1) < NEAR)
    largest = np.abs(np.maximum(np.abs(low), np.abs(high)) - 1) < NEAR
    return np.asarray(quartiles | ranged | largest)


def _scaled(package: Package, rows: Rows) -> Iterator[Scaled]:
    model = onnx.load(str(package.graph_path))
    nodes = [node for node in model.graph.node if node.op_type == "Scaler"]
    if not nodes:
        return
    model.graph.output.extend(onnx.ValueInfoProto(name=node.output[0]) for node in nodes)
    options = ort.SessionOptions()
    options.log_severity_level = 3
    session = ort.InferenceSession(model.SerializeToString(), options)
    found = session.run([node.output[0] for node in nodes], rows.feed(package.signature))
    for node, values in zip(nodes, found, strict=True):
        flat = np.asarray(values, np.float64).reshape(len(rows), -1)
        whole = np.isfinite(flat).all(axis=1)
        if whole.any():
            yield Scaled(flat[whole], _stretches(node, flat))


def _stretches(node: Any, flat: Floats) -> NDArray[np.bool_]:
    """For each column, whether the node's scale does anything to it."""
    scale = [value for one in node.attribute if one.name == "scale" for value in one.floats]
    return np.broadcast_to(np.array(scale or [1.0]) != 1.0, flat.shape[1:])
