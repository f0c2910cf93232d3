"""How far the journal has come: what the shipper says of itself, for probes and for Prometheus."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from interlock.journal import segments, status
from interlock.journal.status import SinkStatus


def describe(directory: Path) -> dict[str, Any]:
    """The journal in `directory` as ``GET /health`` tells it; times in seconds, sizes in bytes."""
    seen = status.read(directory)
    return {
        "spool_bytes": segments.size(directory),
        "shipper": "up" if seen is not None and seen.fresh else "down",
        "damaged": seen.damaged if seen else 0,
        "orphans": seen.orphans if seen else 0,
        "sinks": [_sink(sink, fresh=seen.fresh) for sink in seen.sinks] if seen else [],
    }


def metrics(directory: Path) -> list[Metric]:
    """The same as ``GET /metrics`` tells it."""
    seen = status.read(directory)
    spool = GaugeMetricFamily(
        "interlock_journal_spool_bytes", "Bytes that lie in the spool.", segments.size(directory)
    )
    if seen is None:
        return [spool]
    damaged = GaugeMetricFamily(
        "interlock_journal_damaged", "Damaged places that were set aside.", seen.damaged
    )
    orphans = GaugeMetricFamily(
        "interlock_journal_orphans",
        "Labels that have waited too long for their prediction.",
        seen.orphans,
    )
    return [spool, damaged, orphans, *_sinks(seen.sinks, fresh=seen.fresh)]


def _sinks(sinks: list[SinkStatus], *, fresh: bool) -> list[Metric]:
    up = GaugeMetricFamily(
        "interlock_journal_sink_up", "Whether a sink takes records.", labels=["sink"]
    )
    lag_bytes = GaugeMetricFamily(
        "interlock_journal_lag_bytes", "Bytes that a sink has not taken yet.", labels=["sink"]
    )
    lag_seconds = GaugeMetricFamily(
        "interlock_journal_lag_seconds",
        "Age of the oldest record that a sink has not taken yet.",
        labels=["sink"],
    )
    shipped = CounterMetricFamily(
        "interlock_journal_shipped_total", "Records that a sink has taken.", labels=["sink"]
    )
    for sink in sinks:
        up.add_metric([sink.name], float(sink.up and fresh))
        lag_bytes.add_metric([sink.name], sink.lag_bytes)
        lag_seconds.add_metric([sink.name], sink.lag_seconds)
        shipped.add_metric([sink.name], sink.shipped)
    return [up, lag_bytes, lag_seconds, shipped]


def _sink(sink: SinkStatus, *, fresh: bool) -> dict[str, Any]:
    return {
        "name": sink.name,
        "up": sink.up and fresh,
        "reason": sink.reason or None,
        "lag_bytes": sink.lag_bytes,
        "lag_seconds": sink.lag_seconds,
        "shipped": sink.shipped,
    }
