"""The bars: what the figures must reach."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from harness import core
from harness.process import Memory
from harness.rounds import CONNECTIONS, Figures, Key, p99, rate, ratio
from harness.start import Start
from harness.targets import FLASK, FLOOR, MOSEC, OURS

START_LIMIT = 0.6
MEMORY_LIMIT = 220e6


class Bar(msgspec.Struct, frozen=True):
    """One demand, what was seen, and whether that meets it."""

    name: str
    seen: float
    demand: float
    at_least: bool
    unit: str = "×"

    @property
    def met(self) -> bool:
        return self.seen >= self.demand if self.at_least else self.seen <= self.demand


def bars(figures: Figures, start: Start, memory: Memory) -> list[Bar]:
    """All demands, in the order in which they are printed."""
    return [
        *(bar for connections in CONNECTIONS for bar in _small(figures, connections)),
        *(_large(figures, connections) for connections in CONNECTIONS),
        Bar("a worker's cold start to its first answer", start.worker, START_LIMIT, False, " s"),
        Bar("two idle workers, resident", memory.resident / 1e6, MEMORY_LIMIT / 1e6, False, " MB"),
    ]


def _small(figures: Figures, connections: int) -> Iterator[Bar]:
    loads = {name: figures[Key("small", name, connections)] for name in (OURS, FLOOR, MOSEC)}
    flask = max((figures[Key("small", name, connections)] for name in FLASK), key=rate)
    ours, where = loads[OURS], f"small, {connections} connections: "
    yield Bar(where + "of the floor", ratio(ours, loads[FLOOR]), 0.5, True)
    yield Bar(where + "of mosec", ratio(ours, loads[MOSEC]), 2.0, True)
    yield Bar(where + "of Flask + gunicorn", ratio(ours, flask), 8.0, True)
    slower = p99(ours) / p99(loads[MOSEC])
    yield Bar(where + "p99 against mosec's", slower, 1.0, False)


def _large(figures: Figures, connections: int) -> Bar:
    ours = figures[Key("large", core.OURS, connections)]
    alone = figures[Key("large", core.ALONE, connections)]
    return Bar(
        f"large, {connections} connections: of onnxruntime alone", ratio(ours, alone), 0.85, True
    )
