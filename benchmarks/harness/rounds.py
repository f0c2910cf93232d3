"""Interleaved rounds: everybody is measured in every round, each time in another order."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from harness import alone, load
from harness.load import Load
from harness.models import Case
from harness.process import Server

CONNECTIONS = (16, 64)
ALONE = "onnxruntime alone"


class Key(NamedTuple):
    """One figure of the table."""

    case: str
    target: str
    connections: int


Figures = dict[Key, list[Load]]


def measure(
    case: Case,
    servers: Sequence[Server],
    *,
    rounds: int,
    seconds: int,
    advance: Callable[[str], None],
) -> Figures:
    """`rounds` runs of every server at every number of connections, and of onnxruntime alone."""
    figures: Figures = {}
    for number in range(rounds):
        for connections in CONNECTIONS:
            for server in rotated(servers, number):
                advance(f"{case.name}, {connections} connections: {server.name}")
                load.checked(server, case, connections)
                seen = load.timed(server, case, connections, seconds)
                figures.setdefault(Key(case.name, server.name, connections), []).append(seen)
            advance(f"{case.name}: {ALONE}")
            rate = alone.rate(case.graph, seconds)
            figures.setdefault(Key(case.name, ALONE, connections), []).append(
                as_load(rate, workers=2)
            )
    return figures


def steps(servers: int, rounds: int) -> int:
    """How often `measure` advances."""
    return rounds * len(CONNECTIONS) * (servers + 1)


def rotated(servers: Sequence[Server], number: int) -> Iterator[Server]:
    """The servers in another order each round, so that nobody always follows the same neighbour."""
    shift = number % len(servers)
    yield from servers[shift:]
    yield from servers[:shift]


def rate(loads: Sequence[Load]) -> float:
    """Median requests a second."""
    return statistics.median(one.rate for one in loads)


def p99(loads: Sequence[Load]) -> float:
    """Median of the rounds' 99th percentiles, in seconds."""
    return statistics.median(one.p99 for one in loads)


def ratio(above: Sequence[Load], below: Sequence[Load]) -> float:
    """Median over rounds of the ratio of two rates measured in the same round."""
    return statistics.median(one.rate / other.rate for one, other in zip(above, below, strict=True))


def as_load(rate: float, workers: int) -> Load:
    """Without connections: `workers` processes that always have one row to do."""
    return Load(
        requests=round(rate),
        seconds=1.0,
        p50=workers / rate,
        p99=float("nan"),
        bad_status=0,
        broken=0,
        wrong=0,
    )
