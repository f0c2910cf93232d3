"""Metrics that cost the hot path a fraction of a microsecond and are right across workers.

Each worker adds to numbers in a memory-mapped file of its own; whichever worker is asked for
``/metrics`` reads all files and adds them up. A worker that is born again in the same slot goes on
with the same file, so counters never fall. The exposition format itself is prometheus-client's.
"""

from __future__ import annotations

import mmap
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from interlock.errors import EngineError

_CAPACITY = 1 << 17  # numbers a worker; the file is sparse, so unused ones take no space


class Family(NamedTuple):
    """One metric: what it is called, what it counts, how it is labelled."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    help: str
    labels: tuple[str, ...]
    buckets: tuple[float, ...] = ()


_SECONDS = (
    *(0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025),
    *(0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0),
)
_SHARES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1.0)

PREDICTIONS = Family("model_predictions_total", "counter", "Rows answered.", ("model", "version"))
LATENCY = Family(
    "model_prediction_latency_seconds",
    "histogram",
    "Time from the request's arrival in the server to its answer.",
    ("model", "version"),
    _SECONDS,
)
CONFIDENCE = Family(
    "model_prediction_confidence",
    "histogram",
    "Probability of the label that was answered.",
    ("model", "version"),
    _SHARES,
)
ERRORS = Family("model_errors_total", "counter", "Requests refused or failed.", ("model", "code"))
WAITING = Family("model_queue_requests", "gauge", "Requests that wait for the engine.", ("model",))
SWAPS = Family(
    "interlock_table_loads_total", "counter", "Tables a worker took up or refused.", ("outcome",)
)
SHADOWS = Family(
    "interlock_shadow_requests_total",
    "counter",
    "Requests answered, and given a shadow besides, by what became of that.",
    ("model", "version", "outcome"),
)
JOURNAL_FRAMES = Family("interlock_journal_frames_total", "counter", "Records written.", ())
JOURNAL_BYTES = Family("interlock_journal_bytes_total", "counter", "Bytes of them.", ())
JOURNAL_REFUSED = Family(
    "interlock_journal_refused_total",
    "counter",
    "Requests refused because their answers could not be put on record.",
    (),
)
JOURNAL_UNRECORDED = Family(
    "interlock_journal_unrecorded_total",
    "counter",
    "Requests answered without a record, as the settings allow.",
    (),
)
FAMILIES = {
    family.name: family
    for family in (
        *(PREDICTIONS, LATENCY, CONFIDENCE, ERRORS, WAITING, SWAPS, SHADOWS),
        *(JOURNAL_FRAMES, JOURNAL_BYTES, JOURNAL_REFUSED, JOURNAL_UNRECORDED),
    )
}


class Series(msgspec.Struct, frozen=True):
    """Where the numbers of one labelled metric stand in its worker's file."""

    family: str
    labels: tuple[str, ...]
    start: int


class Counter:
    """A number that grows; `set` makes it a gauge."""

    __slots__ = ("_at", "_values")

    def __init__(self, values: memoryview[float], at: int) -> None:
        self._values = values
        self._at = at

    def add(self, amount: float = 1.0) -> None:
        self._values[self._at] += amount

    def set(self, amount: float) -> None:
        self._values[self._at] = amount


class Histogram:
    """A sum, then one count a bucket (not cumulative), the last for what is above all bounds."""

    __slots__ = ("_at", "_bounds", "_values")

    def __init__(self, values: memoryview[float], at: int, bounds: tuple[float, ...]) -> None:
        self._values = values
        self._at = at
        self._bounds = bounds

    def observe(self, value: float) -> None:
        values, at = self._values, self._at
        values[at] += value
        values[at + 1 + bisect_left(self._bounds, value)] += 1.0


class Recorder:
    """The metrics of one worker. Asking for the same labels again gives the same numbers."""

    def __init__(self, run: Path, slot: int) -> None:
        self._index = run / f"worker-{slot}.series"
        data = run / f"worker-{slot}.metrics"
        with data.open("a+b") as file:
            file.truncate(_CAPACITY * 8)
            self._map = mmap.mmap(file.fileno(), _CAPACITY * 8)
        self._values = memoryview(self._map).cast("d")
        self._known = {(item.family, item.labels): item.start for item in _series(self._index)}
        self._end = max((_end(item) for item in _series(self._index)), default=0)

    def counter(self, family: Family, *labels: str) -> Counter:
        return Counter(self._values, self._start(family, labels))

    def histogram(self, family: Family, *labels: str) -> Histogram:
        return Histogram(self._values, self._start(family, labels), family.buckets)

    def _start(self, family: Family, labels: tuple[str, ...]) -> int:
        known = self._known.get((family.name, labels))
        if known is not None:
            return known
        item = Series(family.name, labels, self._end)
        if _end(item) > _CAPACITY:
            raise EngineError(f"no room for another metric after {len(self._known)}: restart")
        with self._index.open("ab") as file:
            file.write(msgspec.json.encode(item) + b"\n")
        self._known[family.name, labels] = item.start
        self._end = _end(item)
        return item.start


def exposition(run: Path, gauges: Iterable[Metric] = ()) -> bytes:
    """All workers' metrics added up, and `gauges` after them, in Prometheus' text format."""
    registry = CollectorRegistry()
    registry.register(_Merged(run, gauges))
    return generate_latest(registry)


class _Merged(Collector):
    def __init__(self, run: Path, gauges: Iterable[Metric]) -> None:
        self._run = run
        self._gauges = gauges

    def collect(self) -> Iterator[Metric]:
        totals = _totals(self._run)
        for family in FAMILIES.values():
            yield _metric(family, totals.get(family.name, {}))
        yield from self._gauges


def _totals(run: Path) -> dict[str, dict[tuple[str, ...], list[float]]]:
    """Numbers of every series, summed over workers: family → labels → numbers."""
    totals: dict[str, dict[tuple[str, ...], list[float]]] = defaultdict(dict)
    for index in sorted(run.glob("worker-*.series")):
        with index.with_suffix(".metrics").open("rb") as file:
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        values = memoryview(mapped).cast("d")
        for item in _series(index):
            numbers = values[item.start : _end(item)].tolist()
            seen = totals[item.family].setdefault(item.labels, [0.0] * len(numbers))
            totals[item.family][item.labels] = [a + b for a, b in zip(seen, numbers, strict=True)]
        values.release()
        mapped.close()
    return totals


def _metric(family: Family, series: dict[tuple[str, ...], list[float]]) -> Metric:
    if family.kind == "histogram":
        histogram = HistogramMetricFamily(family.name, family.help, labels=family.labels)
        bounds = [*(str(bound) for bound in family.buckets), "+Inf"]
        for labels, (total, *counts) in series.items():
            running = [sum(counts[: index + 1]) for index in range(len(counts))]
            histogram.add_metric(labels, list(zip(bounds, running, strict=True)), total)
        return histogram
    kind = CounterMetricFamily if family.kind == "counter" else GaugeMetricFamily
    metric = kind(family.name, family.help, labels=family.labels)
    for labels, (value,) in series.items():
        metric.add_metric(labels, value)
    return metric


def _series(index: Path) -> list[Series]:
    if not index.exists():
        return []
    # The last line may still be on its way when another worker reads.
    lines = index.read_bytes().rpartition(b"\n")[0].splitlines()
    return [msgspec.json.decode(line, type=Series) for line in lines]


def _end(item: Series) -> int:
    buckets = FAMILIES[item.family].buckets
    return item.start + (len(buckets) + 2 if buckets else 1)
