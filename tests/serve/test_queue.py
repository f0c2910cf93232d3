"""A slow model in a thread: queue, deadlines, and a server that stays responsive."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from .conftest import Running, serving
from .moody import record
from .wire import Answer, Wire, post

SLOW = 2000  # turns: a good quarter of a second


@pytest.fixture(scope="module")
def server(moody_package: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One worker, its model in a thread, two requests may wait."""
    package = ("--package", str(moody_package))
    home = tmp_path_factory.mktemp("home")
    with serving(home, *package, engine="thread", queue_limit="2", deadline="5") as running:
        yield running


def waiting(server: Running) -> float:
    lines = server.client.get("/metrics").text.splitlines()
    return float(next(line for line in lines if line.startswith("model_queue_")).split()[-1])


def ask(server: Running, body: Any, *headers: str) -> Answer:
    with Wire(server.url) as wire:
        return wire.ask(post(body, "/predict", *headers))


def test_one_more_than_may_wait_is_told_to_come_back(server: Running) -> None:
    """One runs and two wait; the others get 503 with Retry-After, at once; the three answers."""
    with ThreadPoolExecutor(6) as pool:
        first = pool.submit(ask, server, record(0, SLOW))
        time.sleep(0.1)
        others = [pool.submit(ask, server, record(1, 1)) for _ in range(5)]
        answers = [first.result(), *(other.result() for other in others)]
    assert sorted(answer.status for answer in answers) == [200, 200, 200, 503, 503, 503]
    refused = [answer for answer in answers if answer.status == 503]
    assert {answer.headers["retry-after"] for answer in refused} == {"1"}
    assert {answer.json()["error"]["code"] for answer in refused} == {"overloaded"}
    server.wait_for(lambda: waiting(server) == 0)
    assert ask(server, record(0)).status == 200


def test_other_addresses_answer_while_the_engine_is_busy(server: Running) -> None:
    """Health takes milliseconds while the model takes a quarter of a second."""
    with ThreadPoolExecutor(1) as pool:
        busy = pool.submit(ask, server, record(0, 2 * SLOW))
        time.sleep(0.05)
        times = []
        while not busy.done():
            started = time.perf_counter()
            assert server.client.get("/health/ready").status_code == 200
            times.append(time.perf_counter() - started)
    assert busy.result().status == 200
    assert len(times) > 10
    assert sorted(times)[len(times) // 2] < 0.05


@pytest.mark.parametrize("deadline", ["0.05", "1e-9"])
def test_a_deadline_that_passes_is_a_504(server: Running, deadline: str) -> None:
    """The caller hears of it when the deadline is over, not when the model is done."""
    started = time.monotonic()
    answer = ask(server, record(0, 2 * SLOW), f"Interlock-Deadline: {deadline}")
    assert time.monotonic() - started < 0.4
    assert answer.status == 504
    assert answer.json()["error"]["code"] == "deadline_exceeded"
    assert ask(server, record(0)).status == 200  # behind what still runs for nobody


def test_a_deadline_can_only_be_shortened(moody_package: Path, tmp_path: Path) -> None:
    """A caller cannot wait longer than the server's own setting."""
    package = ("--package", str(moody_package))
    with serving(tmp_path, *package, engine="thread", deadline="0.1") as server:
        for headers in ((), ("Interlock-Deadline: 60",)):
            assert ask(server, record(0, SLOW), *headers).status == 504


def test_what_waited_goes_as_one_batch(moody_package: Path, tmp_path: Path) -> None:
    """Ten slow requests that queue up behind another take the time of one or two, not of ten."""
    with serving(tmp_path, "--package", str(moody_package), engine="thread") as server:
        assert server.client.get("/health").json()["models"][0]["batching"]
        started = time.monotonic()
        assert ask(server, record(0, SLOW)).status == 200
        alone = time.monotonic() - started
        with ThreadPoolExecutor(11) as pool:
            started = time.monotonic()
            futures = [pool.submit(ask, server, record(i % 2, SLOW)) for i in range(11)]
            answers = [future.result() for future in futures]
        assert [answer.json()["value"] for answer in answers] == [10, 20] * 5 + [10]
        assert time.monotonic() - started < 5 * alone


def test_a_row_that_fails_in_a_queued_batch_fails_alone(server: Running) -> None:
    """Its neighbours in the same batch are answered."""
    with ThreadPoolExecutor(3) as pool:
        first = pool.submit(ask, server, record(0, SLOW))
        time.sleep(0.1)
        bad, good = (pool.submit(ask, server, record(choice)) for choice in (9, 1))
        statuses = [future.result().status for future in (first, bad, good)]
    assert statuses == [200, 500, 200]


def test_callers_that_left_do_not_keep_the_server(server: Running) -> None:
    """A request whose connection is gone is finished for nobody, and the next one is served."""
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(f"{server.url}/predict", json=record(0, SLOW), timeout=0.05)
    assert ask(server, record(1)).json()["value"] == 20
