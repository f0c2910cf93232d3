"""Load at a steady rate: latencies count from when a request was due."""

from __future__ import annotations

import math
import os
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from interlock.errors import ServerError
from interlock.gates import load
from interlock.gates.connection import Request, plain
from interlock.gates.load import Plan, Result, Sent
from interlock.gates.server import Server, serving
from interlock.package import Package

from .staged import version


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Package:
    return version(tmp_path_factory, "1.0.0")


@pytest.fixture(scope="module")
def server(package: Package, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(package.path, tmp_path_factory.mktemp("loaded")) as server:
        yield server


@pytest.fixture
def requests(package: Package) -> list[Request]:
    """The golden examples as requests."""
    records = package.golden().records
    return [plain("/predict/plan", msgspec.json.encode(record)) for record in records]


def test_a_load_keeps_its_rate(server: Server, requests: list[Request]) -> None:
    """So many requests a second, each at its moment, all answered by the version served."""
    with load.steady(server.url, requests, rate=100, seconds=0.5) as running:
        result = running.finish()
    assert len(result.sent) == 50
    assert result.failed == []
    assert {one.version for one in result.sent} == {"1.0.0"}
    gaps = [b.due - a.due for a, b in zip(result.sent, result.sent[1:], strict=False)]
    assert gaps == pytest.approx([0.01] * 49)
    assert 50 <= result.rate <= 105
    assert 0 < result.latency(0.5) <= result.latency(0.99) <= result.latency(1.0) < math.inf


def test_who_waits_in_line_is_counted(server: Server, requests: list[Request]) -> None:
    """A pause of the server is felt by all that were due in it, not just by those in hand.

    A generator that waits for answers would count sixteen slow ones, one a connection.
    """
    (worker,) = server.worker_pids()
    with load.steady(server.url, requests, rate=200, seconds=1.0) as running:
        time.sleep(0.2)
        os.kill(worker, signal.SIGSTOP)
        time.sleep(0.5)
        os.kill(worker, signal.SIGCONT)
        result = running.finish()
    assert result.failed == []
    slow = [one for one in result.sent if one.latency > 0.1]
    assert len(slow) > 2 * load.CONNECTIONS
    assert result.latency(1.0) > 0.4


def test_a_load_can_be_ended_early(server: Server, requests: list[Request]) -> None:
    """What was sent until then is told."""
    with load.steady(server.url, requests, rate=100, seconds=600) as running:
        time.sleep(0.3)
        before = running.running
        result = running.stop()
        after = running.running
    assert (before, after) == (True, False)
    assert 10 < len(result.sent) < 1000
    assert result.failed == []


def test_a_load_ends_with_its_block(server: Server, requests: list[Request]) -> None:
    """An error in the block leaves nobody asking."""
    with load.steady(server.url, requests, rate=100, seconds=600) as running:
        pass
    assert not running.running


@pytest.mark.parametrize(
    ("body", "status", "reason"),
    [(b'{"plan": 7}', 400, "400: .*wrong_type"), (b"no JSON", 400, "400: .*malformed")],
)
def test_refusals_are_failures(server: Server, body: bytes, status: int, reason: str) -> None:
    """They are counted, with the first few reasons, and are no latencies."""
    request = plain("/predict/plan", body)
    with load.steady(server.url, [request], rate=50, seconds=0.2) as running:
        result = running.finish()
    assert {one.status for one in result.failed} == {status}
    assert len(result.failed) == 10
    assert result.latency(0.5) == math.inf
    assert load.percentiles([result]) == ((), ())
    assert re.match(reason, result.troubles[0])


def test_nobody_there_is_a_failure(requests: list[Request]) -> None:
    """A server that is away fails every request, and does not stop the load."""
    with load.steady("http://127.0.0.1:9", requests, rate=50, seconds=0.2) as running:
        result = running.finish()
    assert {one.status for one in result.sent} == {0}
    assert "refused" in result.troubles[0]


def test_a_plan_that_cannot_be_read_is_told(server: Server) -> None:
    """The generator's own words come back."""
    plan = Plan(url=server.url, requests=[], rate=50, seconds=0.1)
    with pytest.raises(ServerError, match=r"(?s)could not be made.*requests"), load.Load(plan):
        pass


def test_percentiles_are_of_the_answers() -> None:
    """The least latency that so many per cent came within."""
    sent = [Sent(0.0, (number + 1) / 1000, 200, "1") for number in range(100)]
    result = Result(began=0.0, ended=1.0, sent=[*sent, Sent(0.0, 9.0, 500)])
    assert result.latency(0.5) == 0.05
    assert result.latency(0.99) == 0.099
    assert result.latency(1.0) == 0.1
    assert result.rate == 100
    shares, latencies = load.percentiles([result])
    assert latencies[shares.index(95)] == pytest.approx(95)


def test_the_generator_loads_nothing_heavy() -> None:
    """It must be there at once, and take no memory that matters."""
    source = (
        Path(load.__file__).read_text() + Path(load.__file__).with_name("connection.py").read_text()
    )
    assert "numpy" not in source
    assert "onnxruntime" not in source
