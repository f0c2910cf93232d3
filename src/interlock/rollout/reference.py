"""The reference: what the champion used to do, frozen so that nothing is compared with itself."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np
import sqlalchemy as sa

from interlock.rollout import plan
from interlock.routing.route import STEADY
from interlock.state import traffic
from interlock.state.rollouts import Record
from interlock.state.traffic import Row, Stretch

LEAST = 100
"""Rows of the champion that a reference is made of, at least."""
MOST = 10_000
"""And at most: the last ones."""


class Reference(msgspec.Struct, frozen=True, kw_only=True):
    """What the champion did up to `until`.

    `slow` is the 99th percentile of its latency in seconds, `edges` are the quartiles of its
    numbers (none for classes), `failed` is the share of its `requests` that failed, or also were
    refused where only that can be compared.
    """

    until: int
    slow: float
    edges: tuple[float, ...] = ()
    failed: float = 0.0
    requests: int = 0


def read(connection: sa.Connection, fresh: Stretch, rollout: Record) -> Reference | None:
    """The champion's habits before the rollout; or before the interval in which it had answered
    enough. None until then. Whoever asks, and when, gets the same.
    """
    own = msgspec.structs.replace(fresh, arms=STEADY)
    moment = traffic.reached(connection, own, rollout.champion, LEAST)
    if moment is None:
        return None
    behind = moment - fresh.origin
    later = fresh.origin + (behind // fresh.interval + 1) * fresh.interval
    until = fresh.origin if behind < 0 else later
    if until > fresh.until:
        return None
    upto = msgspec.structs.replace(own, until=until)
    return _made(connection, upto, rollout)


def _made(connection: sa.Connection, upto: Stretch, rollout: Record) -> Reference:
    version, alone = rollout.champion, plan.alone(rollout.strategy)
    rows = traffic.before(connection, upto, version, MOST)
    whole = msgspec.structs.replace(upto, since=rows[-1].moment)
    lost = traffic.failures(connection, whole)
    failed = _number([row for row in lost if alone or not row.refused], version)
    requests = failed + _number(traffic.requests(connection, whole, None), version)
    return Reference(
        until=upto.until,
        slow=float(np.quantile([row.latency for row in rows], 0.99)),
        edges=_quartiles(rows),
        failed=failed / requests,
        requests=requests,
    )


def _quartiles(rows: Sequence[Row]) -> tuple[float, ...]:
    numbers = [row.score for row in rows if row.label is None and row.score is not None]
    return tuple(np.quantile(numbers, [0.25, 0.5, 0.75]).tolist()) if numbers else ()


def _number(rows: Sequence[Row], version: str) -> int:
    return sum(row.number for row in rows if row.version == version)
