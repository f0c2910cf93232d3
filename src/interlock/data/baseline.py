"""The trivial answer: what can be said of a row without looking at it."""

from __future__ import annotations

import numpy as np

from interlock.data.rows import Array, Rows
from interlock.data.score import pair
from interlock.evidence.scored import Scored
from interlock.signature.schema import Classes, Output, Vector


def trivial(train: Rows, rows: Rows, output: Output, *, scale: float | None = None) -> Scored:
    """The same answer to each of `rows`, as learned from `train`.

    For classes it is the most frequent label, with the shares of all labels as probabilities; for
    numbers the median, of each step in a forecast; for hazards the share that met its end in each
    step, of those who were still seen.
    """
    match output:
        case Classes(labels=labels):
            shares = np.array([np.mean(train.truth == label) for label in labels], np.float32)
            same = {"label": np.array(labels)[shares.argmax()], "probabilities": shares}
        case Vector(steps=steps) if train.event is not None:
            same = {"values": _hazard(train.truth, train.event, len(steps))}
        case Vector():
            same = {"values": np.median(train.truth, axis=0)}
        case _:
            same = {"value": np.median(train.truth)}
    repeated = {name: np.repeat([answer], len(rows), axis=0) for name, answer in same.items()}
    return pair(output, repeated, rows, scale=scale)


def _hazard(duration: Array, event: Array, steps: int) -> Array:
    """Ends by those still seen, step by step; 0 where nobody is left."""
    step = np.arange(1, steps + 1)
    seen = (duration[:, None] >= step).sum(axis=0)
    ends = ((duration[:, None] == step) & event[:, None]).sum(axis=0)
    return np.asarray(np.divide(ends, seen, out=np.zeros(steps), where=seen > 0))
