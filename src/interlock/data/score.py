"""Answers of a package to rows, without a server."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from interlock.data.rows import Array, Rows
from interlock.engine import Session
from interlock.errors import EvidenceError
from interlock.evidence.scored import Scored
from interlock.package import Package
from interlock.signature.ranges import Ranges
from interlock.signature.schema import Classes, Output, Vector, output_names


def scored(package: Package, rows: Rows, *, batch: int = 256, scale: float | None = None) -> Scored:
    """Answers of `package` beside the truth of `rows`; `scale` is what MASE divides by.

    Raises
    ------
    SignatureError
        When the rows do not fit the package's signature.
    EvidenceError
        When the truth does not fit the answers.
    """
    found = answers(package, rows, batch=batch)
    return pair(package.signature.output, found, rows, scale=scale)


def answers(package: Package, rows: Rows, *, batch: int = 256) -> dict[str, Array]:
    """Graph outputs by name, one entry a row, worked out `batch` rows at a time.

    Results of different batch sizes can differ in their last bits; a batch of 1 is what a server
    without batching does.
    """
    session = Session(package.graph_path, package.signature)
    feed = rows.feed(package.signature)
    if ranges := Ranges(package.signature):  # a server clips as well
        ranges.apply(feed)
    starts = range(0, len(rows), batch)
    ran = [session.run({k: v[at : at + batch] for k, v in feed.items()}) for at in starts]
    names = output_names(package.signature.output)
    parts = zip(names, zip(*ran, strict=True), strict=True)
    return {name: np.concatenate(answered) for name, answered in parts}


def pair(
    output: Output, found: Mapping[str, Array], rows: Rows, *, scale: float | None = None
) -> Scored:
    """Answers by the names of the graph's outputs, beside the truth of the same rows."""
    match output:
        case Classes(labels=labels):
            return Scored(
                truth=_labels(rows.truth, labels),
                labels=labels,
                predicted=_labels(found["label"], labels),
                probabilities=found["probabilities"],
            )
        case Vector():
            return Scored(truth=rows.truth, values=found["values"], event=rows.event, scale=scale)
    if rows.event is not None:
        raise EvidenceError(
            "data.event says that rows end; then the model answers a hazard for each step, but"
            " this one answers a single value"
        )
    return Scored(truth=rows.truth, predicted=found["value"], scale=scale)


def naive_error(rows: Rows) -> float | None:
    """Mean absolute error of the naive forecast on `rows`: the scale of MASE, in the truth's unit.

    It answers what was last seen: the number of the row before (in time, where rows have one), or
    of the step before. None when that is always right, or the truth is no numbers.
    """
    truth = rows.truth
    if truth.dtype.kind not in "iuf" or rows.event is not None or len(truth) < 2:
        return None
    if truth.ndim == 1 and rows.time is not None:
        truth = truth[np.argsort(rows.time, kind="stable")]
    error = float(np.mean(np.abs(np.diff(truth.astype(np.float64), axis=truth.ndim - 1))))
    return error or None


def _labels(column: Array, labels: tuple[str | int, ...]) -> Array:
    """Labels as the signature has them: a column of whole numbers may have come as floats."""
    kind = object if isinstance(labels[0], str) else np.int64
    return np.asarray(column).astype(kind)
