"""Several requests as one batch: put together, inferred, taken apart again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import accumulate, pairwise

import numpy as np

from interlock.engine.session import Feed, Outputs
from interlock.errors import EngineError

Run = Callable[[Feed], Outputs]


def infer(run: Run, feeds: Sequence[Feed]) -> list[Outputs | Exception]:
    """Outputs for each of `feeds`, from one call of `run` where that works.

    When the batch fails, each is tried alone, so that one request's failure is its own.
    """
    if len(feeds) == 1:
        return [_alone(run, feeds[0])]
    try:
        together = {name: np.concatenate([feed[name] for feed in feeds]) for name in feeds[0]}
        return _apart(run(together), [len(next(iter(feed.values()))) for feed in feeds])
    except Exception:  # noqa: BLE001 - whatever it was, those that it does not concern go on
        return [_alone(run, feed) for feed in feeds]


def _alone(run: Run, feed: Feed) -> Outputs | Exception:
    try:
        return run(feed)
    except Exception as error:  # noqa: BLE001 - whatever it was, it is this request's answer
        return error


def _apart(outputs: Outputs, rows: Sequence[int]) -> list[Outputs | Exception]:
    edges = [0, *accumulate(rows)]
    if any(len(output) != edges[-1] for output in outputs):
        raise EngineError(f"the model was given {edges[-1]} rows and answered another number")
    return [[output[start:end] for output in outputs] for start, end in pairwise(edges)]
