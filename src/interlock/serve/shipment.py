"""How far the journal has come: what the shipper says of itself, for probes and for Prometheus."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from interlock.journal import status
from interlock.journal.status import SinkStatus


def describe(directory: Path) -> dict[str, Any]:
    """The journal in `directory` as ``GET /health`` tells it; times in seconds, sizes in bytes."""
    seen = status.believed(directory)
    return {
        "spool_bytes": seen.spool_bytes,
        "shipper": "up" if seen.fresh else "down",
        "damaged": seen.damaged,
        "torn": seen.torn,
        "orphans": seen.orphans,
        "sinks": [_sink(sink) for sink in seen.sinks],
    }


def metrics(directory: Path) -> list[Metric]:
    """The same as ``GET /metrics`` tells it."""
    seen = status.believed(directory)
    return [
        GaugeMetricFamily(f"interlock_journal_{name}", words, value)
        for name, words, value in (
            ("spool_bytes", "Bytes that lie in the spool.", seen.spool_bytes),
            ("damaged", "Damaged places that were set aside.", seen.damaged),
            ("torn", "Records that a crash cut off; nobody was answered.", seen.torn),
            ("orphans", "Labels that have waited too long for their prediction.", seen.orphans),
        )
    ] + _sinks(seen.sinks)


def _sinks(sinks: list[SinkStatus]) -> list[Metric]:
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
        up.add_metric([sink.name], float(sink.up))
        lag_bytes.add_metric([sink.name], sink.lag_bytes)
        lag_seconds.add_metric([sink.name], sink.lag_seconds)
        shipped.add_metric([sink.name], sink.shipped)
    return [up, lag_bytes, lag_seconds, shipped]


def _sink(sink: SinkStatus) -> dict[str, Any]:
    return {
        "name": sink.name,
        "up": sink.up,
        "reason": sink.reason or None,
        "lag_bytes": sink.lag_bytes,
        "lag_seconds": sink.lag_seconds,
        "shipped": sink.shipped,
    }
