"""What the fitted scalers of a graph make of the rows that the model was trained on.

A scaler is fitted to its training rows, so it brings every column of them to the same place and
spread: mean 0 and deviation 1, or median 0 and quartiles 1 apart, or the range from 0 to 1, or a
largest value of 1. One that does not is not the scaler of these rows. Whoever fits to a sample of
them, or to rows with noise, is a little off; so all columns have to be off by a third, or one by
three times. Only ``Scaler`` nodes are looked at, which is what fitted scalers of scikit-learn
become: a graph may well subtract and divide by numbers of its own choice.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import onnx
import onnxruntime as ort
from numpy.typing import NDArray

from interlock.data.rows import Rows
from interlock.package import Package

Floats = NDArray[np.float64]

ALL_OFF, ONE_OFF = 4 / 3, 3.0
"""How many times wider or narrower than 1 all columns are, or one is, when it is no accident."""
ALL_MOVED, ONE_MOVED = 1 / 3, 1.0
"""How far from 0 all columns are, or one is, in their own deviations."""
NEAR = 0.03
"""A scaler of quartiles or of ranges meets them so closely."""
MOST = 20_000
"""Rows looked at."""


class Scaled(NamedTuple):
    """Training rows as one scaler leaves them; whether it moves and stretches each column."""

    values: Floats
    moves: NDArray[np.bool_]
    stretches: NDArray[np.bool_]


def faults(package: Package, rows: Rows) -> Iterator[str]:
    """A sentence for each scaler that is not the one of `rows`."""
    for scaled in _scaled(package, rows):
        spread, place = scaled.values.std(axis=0), scaled.values.mean(axis=0)
        judged = ~_otherwise(scaled.values) & (spread > 0)
        wide = np.where(judged & scaled.stretches, np.maximum(spread, 1 / _above(spread)), 1.0)
        far = np.where(judged & scaled.moves, np.abs(place) / _above(spread), 0.0)
        if _off(wide, ALL_OFF, ONE_OFF):
            worst = int(wide.argmax())
            yield _sentence(worst, f"a deviation of {spread[worst]:.3g}", "1")
        elif _off(far, ALL_MOVED, ONE_MOVED):
            worst = int(far.argmax())
            yield _sentence(worst, f"a mean of {place[worst]:.3g}", "0")


def _off(amounts: Floats, every: float, one: float) -> bool:
    return bool((amounts > every).all() or (amounts > one).any())


def _above(spread: Floats) -> Floats:
    return np.maximum(spread, 1e-12)


def _sentence(column: int, found: str, expected: str) -> str:
    return (
        f"Its preprocessing is not that of its training rows: it leaves column {column + 1} of them"
        f" with {found}, where a scaler that was fitted to them leaves {expected}."
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
    some = rows.take(np.arange(min(len(rows), MOST)))
    found = session.run([node.output[0] for node in nodes], some.feed(package.signature))
    for node, values in zip(nodes, found, strict=True):
        flat = np.asarray(values, np.float64).reshape(len(some), -1)
        whole = np.isfinite(flat).all(axis=1)
        if whole.any():
            yield Scaled(flat[whole], _set(node, "offset", 0, flat), _set(node, "scale", 1, flat))


def _set(node: Any, name: str, nothing: float, flat: Floats) -> NDArray[np.bool_]:
    """For each column, whether the node's attribute does anything to it."""
    values = [value for one in node.attribute if one.name == name for value in one.floats]
    return np.broadcast_to(np.array(values or [nothing]) != nothing, flat.shape[1:])
