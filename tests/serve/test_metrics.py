"""Metrics as Prometheus would read them, from any worker."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from interlock.errors import EngineError
from interlock.serve import metrics
from interlock.serve.metrics import Recorder, exposition

from .conftest import Running, serving

RECORD = {"beat": [0.5] * 8}
LABELS = {"model": "beat", "version": "1.0.0"}


@pytest.fixture(scope="module")
def server(beat_package: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Two workers that serve the beat model."""
    home = tmp_path_factory.mktemp("home")
    with serving(home, "--package", str(beat_package), workers=2) as running:
        yield running


def samples(text: str) -> dict[str, list[tuple[dict[str, str], float]]]:
    """Labels and values by sample name, as Prometheus' own parser finds them."""
    found: dict[str, list[tuple[dict[str, str], float]]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found.setdefault(sample.name, []).append((dict(sample.labels), sample.value))
    return found


def scrape(server: Running) -> dict[str, list[tuple[dict[str, str], float]]]:
    """The metrics, over a connection of its own."""
    return samples(httpx.get(f"{server.url}/metrics").text)


def total(server: Running, name: str, **labels: str) -> float:
    return sum(
        value
        for found, value in scrape(server).get(name, [])
        if all(found[key] == wanted for key, wanted in labels.items())
    )


def ask_over_many_connections(server: Running, count: int) -> None:
    for _ in range(count):
        with httpx.Client(base_url=server.url) as client:
            assert client.post("/predict", json=RECORD).status_code == 200
            assert client.post("/predict", json=[RECORD] * 2).status_code == 200


def test_counters_add_up_over_workers_and_outlive_them(server: Running) -> None:
    """Every scrape has the exact sum, whichever worker answers; a killed one takes none away."""
    before = total(server, "model_predictions_total", **LABELS)
    ask_over_many_connections(server, 10)
    for _ in range(6):
        assert total(server, "model_predictions_total", **LABELS) == before + 30
    pids = [worker["pid"] for worker in server.workers()]
    server.client.close()
    server.client = httpx.Client(base_url=server.url)
    os.kill(pids[0], signal.SIGKILL)
    server.wait_for(
        lambda: (
            httpx.get(f"{server.url}/health/ready").status_code == 200
            and httpx.get(f"{server.url}/health").json()["workers"][0]["pid"] != pids[0]
        )
    )
    assert total(server, "model_predictions_total", **LABELS) == before + 30
    ask_over_many_connections(server, 4)
    for _ in range(4):
        assert total(server, "model_predictions_total", **LABELS) == before + 42


@pytest.mark.parametrize(
    ("name", "share"),
    [("model_prediction_latency_seconds", 2), ("model_prediction_confidence", 3)],
)
def test_histograms_are_cumulative_and_complete(server: Running, name: str, share: int) -> None:
    """Buckets grow up to +Inf, which is the count: one a request, or one a row."""
    before = total(server, f"{name}_count", **LABELS)
    ask_over_many_connections(server, 3)
    found = scrape(server)
    buckets = [(labels["le"], value) for labels, value in found[f"{name}_bucket"]]
    counts = [value for _, value in buckets]
    assert counts == sorted(counts)
    assert buckets[-1][0] == "+Inf"
    assert counts[-1] == found[f"{name}_count"][0][1] == before + 3 * share
    assert found[f"{name}_sum"][0][1] > 0


def test_refusals_are_counted_by_model_and_code(server: Running) -> None:
    """The label is the error code that the caller got."""
    before = total(server, "model_errors_total", model="beat", code="wrong_shape")
    assert httpx.post(f"{server.url}/predict", json={"beat": [0.0]}).status_code == 400
    assert total(server, "model_errors_total", model="beat", code="wrong_shape") == before + 1


def test_names_that_dashboards_use_are_there(server: Running) -> None:
    """Workers by state, versions served, and the figures of each model."""
    found = scrape(server)
    assert {"model_predictions_total", "model_queue_requests", "interlock_model_info"} <= set(found)
    assert found["interlock_workers"] == [({"state": "ready"}, 2.0)]
    ((labels, _),) = found["interlock_model_info"]
    assert labels["digest"].startswith("sha256:")
    response = httpx.get(f"{server.url}/metrics")
    assert response.headers["content-type"].startswith("text/plain; version=0.0.4")


# --- The files behind it ------------------------------------------------------------------------


def test_a_worker_that_is_born_again_goes_on_counting(tmp_path: Path) -> None:
    """The same slot and labels lead to the same numbers."""
    for expected in (1.0, 2.0, 3.0):
        Recorder(tmp_path, 0).counter(metrics.PREDICTIONS, "ecg", "1.0.0").add()
        ((_, value),) = samples(exposition(tmp_path).decode())["model_predictions_total"]
        assert value == expected


def test_labels_are_quoted(tmp_path: Path) -> None:
    """Whatever a model is called, the exposition can be parsed."""
    odd = 'a"b\\c\nd'
    Recorder(tmp_path, 0).counter(metrics.PREDICTIONS, odd, "1").add()
    ((labels, _),) = samples(exposition(tmp_path).decode())["model_predictions_total"]
    assert labels["model"] == odd


def test_a_series_that_is_half_written_is_left_out(tmp_path: Path) -> None:
    """A scrape never fails because another worker is just adding a metric."""
    Recorder(tmp_path, 0).counter(metrics.PREDICTIONS, "ecg", "1.0.0").add(3)
    with (tmp_path / "worker-0.series").open("ab") as file:
        file.write(b'{"family": "model_pre')
    ((_, value),) = samples(exposition(tmp_path).decode())["model_predictions_total"]
    assert value == 3


def test_bounds_belong_to_their_bucket(tmp_path: Path) -> None:
    """`le` means less or equal; what is above all bounds is in +Inf alone."""
    histogram = Recorder(tmp_path, 0).histogram(metrics.CONFIDENCE, "ecg", "1.0.0")
    for value in (0.1, 0.11, 1.0, 1.5):
        histogram.observe(value)
    found = samples(exposition(tmp_path).decode())["model_prediction_confidence_bucket"]
    counts = {labels["le"]: value for labels, value in found}
    assert (counts["0.1"], counts["0.2"], counts["1.0"], counts["+Inf"]) == (1, 2, 3, 4)


def test_room_for_metrics_ends_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """More series than fit are refused in words; those that are there go on."""
    monkeypatch.setattr(metrics, "_CAPACITY", 2)
    recorder = Recorder(tmp_path, 0)
    first = recorder.counter(metrics.PREDICTIONS, "ecg", "1.0.0")
    recorder.counter(metrics.PREDICTIONS, "ecg", "1.0.1")
    with pytest.raises(EngineError, match="restart"):
        recorder.counter(metrics.PREDICTIONS, "ecg", "1.0.2")
    first.add()
