"""HTTP as callers really send it: in pieces, several at once, too much, too little, not at all.

Every test runs twice: with models in the event loop, and with models in a thread.
"""

from __future__ import annotations

import json
import signal
import socket
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .conftest import Running, serving
from .moody import record
from .wire import Answer, Wire, get, post

ENGINES = ("inline", "thread")
NOW = record(0)
LATER = record(1, turns=400)


@pytest.fixture(scope="module", params=ENGINES)
def server(
    request: pytest.FixtureRequest,
    beat_package: Path,
    moody_package: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Running]:
    """One worker with two models; a silent connection is closed after a second."""
    packages = ("--package", str(beat_package), "--package", str(moody_package))
    home = tmp_path_factory.mktemp("home")
    with serving(home, *packages, engine=request.param, keep_alive="1") as running:
        yield running


@pytest.fixture
def wire(server: Running) -> Iterator[Wire]:
    """A connection to the server."""
    with Wire(server.url) as wire:
        yield wire


def beat(number: float) -> dict[str, list[float]]:
    """A record, and with it an answer, that no other number has."""
    return {"beat": [number] * 8}


def shares(answer: Answer) -> Any:
    """What the beat model said."""
    assert answer.status == 200, answer.body
    return answer.json()["probabilities"]


@pytest.fixture(scope="module")
def expected(server: Running) -> list[Any]:
    """Answers to `beat(0)`, `beat(0.02)` … one by one."""
    client = server.client
    return [
        client.post("/predict/beat", json=beat(number / 50)).json()["probabilities"]
        for number in range(50)
    ]


# --- Connections that stay, and those that do not -----------------------------------------------


def test_a_connection_takes_many_requests(wire: Wire, expected: list[Any]) -> None:
    """Inference and other addresses take turns on one connection."""
    for number in range(3):
        assert shares(wire.ask(post(beat(number / 50)))) == expected[number]
        assert wire.ask(get("/health/live")).json() == {"live": True}
    assert wire.is_quiet()


def test_connection_close_is_obeyed(wire: Wire) -> None:
    """The answer says so too, and the connection ends after it."""
    answer = wire.ask(post(beat(0), "/predict/beat", "Connection: close"))
    assert answer.headers["connection"] == "close"
    assert shares(answer)
    assert wire.rest() == b""


@pytest.mark.parametrize("headers", [(), ("Connection: keep-alive",)])
def test_http_1_0_gets_its_answer_and_the_end_of_the_connection(
    wire: Wire, headers: tuple[str, ...]
) -> None:
    """An old client may read until the end: it must come."""
    answer = wire.ask(post(beat(0), "/predict/beat", *headers, version="1.0"))
    assert answer.headers["connection"] == "close"
    assert shares(answer)
    assert wire.rest() == b""


def test_a_silent_connection_is_closed(server: Running) -> None:
    """After the keep-alive time, whether it has asked something before or never has."""
    with Wire(server.url) as silent, Wire(server.url) as asked, Wire(server.url) as half:
        started = time.monotonic()
        assert shares(asked.ask(post(beat(0))))
        half.send(get("/health/live")[:-3])
        assert [wire.rest() for wire in (silent, asked, half)] == [b"", b"", b""]
        assert 0.9 < time.monotonic() - started < 4


def test_refused_callers_that_leave_are_forgotten(server: Running) -> None:
    """A refusal ends like any answer: the connection is idle again, and gone when its caller is."""
    for _ in range(3):
        with Wire(server.url) as wire:
            assert wire.ask(post({"beat": "loud"})).status == 400
    server.wait_for(lambda: server.workers()[0]["connections"] <= 1, seconds=5)  # our own is left


def test_a_connection_that_speaks_now_and_then_stays(wire: Wire) -> None:
    """The keep-alive time begins anew with each answer."""
    for _ in range(4):
        assert shares(wire.ask(post(beat(0))))
        time.sleep(0.4)


# --- Several requests in one packet -------------------------------------------------------------


def test_fifty_requests_in_one_packet_are_answered_in_order(
    wire: Wire, expected: list[Any]
) -> None:
    """Each answer is the one to its own request."""
    wire.send(b"".join(post(beat(number / 50)) for number in range(50)))
    assert [shares(wire.answer()) for _ in range(50)] == expected
    assert wire.is_quiet()


@pytest.mark.parametrize("order", ["IG", "GI", "IGI", "GIG", "IIGGI", "AGI", "IAG", "IAIG", "IGAI"])
def test_requests_of_all_kinds_in_one_packet_keep_their_order(wire: Wire, order: str) -> None:
    """I infers, G asks for liveness, A for a large file that takes a while to read."""
    requests = {
        "I": post(beat(0)),
        "G": get("/health/live"),
        "A": get("/docs/swagger_bundle.js"),
    }
    starts = {"I": b'{"prediction_id"', "G": b'{"live"', "A": b"/*"}
    wire.send(b"".join(requests[letter] for letter in order))
    bodies = [wire.answer().body for _ in order]
    assert [body.startswith(starts[letter]) for body, letter in zip(bodies, order, strict=True)]
    assert [next(k for k, s in starts.items() if body.startswith(s)) for body in bodies] == [*order]
    assert wire.is_quiet()


def test_a_slow_answer_holds_back_those_behind_it(wire: Wire) -> None:
    """Order is kept when the first takes long and the second none at all."""
    wire.send(post(LATER, "/predict/moody") + get("/health/live") + post(NOW, "/predict/moody"))
    assert wire.answer().json()["value"] == 20
    assert wire.answer().json() == {"live": True}
    assert wire.answer().json()["value"] == 10


def test_what_follows_the_last_request_is_not_answered(wire: Wire) -> None:
    """After `Connection: close` there is one answer and no more."""
    wire.send(post(beat(0), "/predict/beat", "Connection: close") + post(beat(0.02)))
    assert shares(wire.answer())
    assert wire.rest() == b""


def test_a_wrong_request_among_good_ones_is_refused_alone(wire: Wire, expected: list[Any]) -> None:
    """Its neighbours in the same packet are answered."""
    wire.send(post(beat(0)) + post({"beat": []}) + post(b"{") + post(beat(0.02)))
    assert shares(wire.answer()) == expected[0]
    assert wire.answer().json()["error"]["code"] == "wrong_shape"
    assert wire.answer().json()["error"]["code"] == "malformed"
    assert shares(wire.answer()) == expected[1]


def test_models_asked_in_one_turn_answer_each_their_own(
    server: Running, expected: list[Any]
) -> None:
    """Many connections, two models, all at once."""
    wires = [Wire(server.url) for _ in range(12)]
    for number, wire in enumerate(wires):
        even = number % 2 == 0
        wire.send(post(beat(number / 50)) if even else post(record(1), "/predict/moody"))
    for number, wire in enumerate(wires):
        answer = wire.answer()
        said = shares(answer) if number % 2 == 0 else answer.json()["value"]
        assert said == (pytest.approx(expected[number], abs=1e-6) if number % 2 == 0 else 20)
        wire.__exit__()


# --- Bodies in all forms ------------------------------------------------------------------------


def test_a_request_may_come_byte_by_byte(wire: Wire, expected: list[Any]) -> None:
    """Packets have nothing to do with requests."""
    request = post(beat(0)) + post(beat(0.02))
    wire.send(*(request[i : i + 1] for i in range(len(request))), pause=0.0002)
    assert [shares(wire.answer()) for _ in range(2)] == expected[:2]


def chunked(*chunks: bytes) -> bytes:
    head = post(b"").replace(b"Content-Length: 0", b"Transfer-Encoding: chunked")
    return head + b"".join(b"%x\r\n%b\r\n" % (len(c), c) for c in chunks) + b"0\r\n\r\n"


def test_chunked_bodies_are_read(wire: Wire, expected: list[Any]) -> None:
    """A body whose length nobody said is as good as any."""
    body = json.dumps(beat(0)).encode()
    whole = chunked(body[:5], body[5:])
    wire.send(whole, *(whole[i : i + 7] for i in range(0, len(whole), 7)), pause=0.0002)
    assert [shares(wire.answer()) for _ in range(2)] == [expected[0]] * 2


def test_expect_100_continue_is_continued(wire: Wire) -> None:
    """The caller is told to go on before it sends its body."""
    request = post(beat(0), "/predict/beat", "Expect: 100-continue")
    head, body = (
        request[: request.index(b"\r\n\r\n") + 4],
        request[request.index(b"\r\n\r\n") + 4 :],
    )
    assert wire.ask(head).status == 100
    assert shares(wire.ask(body))
    assert shares(wire.ask(post(beat(0))))


def test_a_body_that_will_be_too_large_is_refused_before_it_is_sent(wire: Wire) -> None:
    """Nobody is told to go on with what is going to be refused."""
    head = post(b"", "/predict/beat", "Expect: 100-continue")
    answer = wire.ask(head.replace(b"Content-Length: 0", b"Content-Length: 99999999999"))
    assert answer.status == 413
    assert answer.headers["connection"] == "close"
    assert wire.rest() == b""


# --- Addresses and methods ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "address",
    ["/predict/beat?trace=1", "/predict/be%61t", "http://x/predict/beat", "/predict/beat?", "//x"],
)
def test_addresses_are_read_as_addresses(wire: Wire, expected: list[Any], address: str) -> None:
    """Query, percent-encoding and the absolute form lead to the same door; others do not."""
    answer = wire.ask(post(beat(0), address))
    assert (address == "//x") == (answer.status == 404)
    if answer.status == 200:
        assert shares(answer) == expected[0]


@pytest.mark.parametrize(
    "address", ["/predict/%ff", "/predict/%00", "/predict/../../etc/passwd", "/docs/%2e%2e/x"]
)
def test_odd_addresses_are_not_found(wire: Wire, address: str) -> None:
    """Nothing odd about an address gets further than a 404."""
    assert wire.ask(post(beat(0), address)).status in (404, 405)
    assert wire.ask(get("/health/live")).status == 200


def test_head_has_the_headers_and_no_body(wire: Wire) -> None:
    """HEAD is GET without the body, and no way to ask a model."""
    wire.send(get("/health/live", method="HEAD") + get("/predict/beat", method="HEAD"))
    assert wire.answer(head=True).headers["content-length"] == str(len(b'{"live":true}'))
    refused = wire.answer(head=True)
    assert (refused.status, refused.headers["allow"]) == (405, "POST")
    assert shares(wire.ask(post(beat(0))))


def test_an_upgrade_is_not_taken_up(wire: Wire) -> None:
    """A caller that would rather speak HTTP/2 is answered in HTTP/1.1."""
    upgrade = ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABk")
    request = post(beat(0), "/predict/beat", *upgrade)
    wire.send(request + get("/health/live", *upgrade), request[:-9], request[-9:], pause=0.05)
    assert shares(wire.answer())
    assert wire.answer().json() == {"live": True}
    assert shares(wire.answer())
    assert wire.is_quiet()


# --- What is not HTTP ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 40,  # a TLS client hello
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"hello\r\n\r\n",
        b"POST /predict/beat HTTP/1.1\r\nContent-Length: -5\r\n\r\n",
        b"POST /predict/beat HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"POST /predict/beat HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"CONNECT x:80 HTTP/1.1\r\n\r\n",
        b"GET /\xff\xfe HTTP/1.1\r\n\r\n",
    ],
)
def test_what_is_not_http_gets_a_400_and_the_end(server: Running, garbage: bytes) -> None:
    """The refusal is JSON as every other; the worker lives on."""
    worker = server.workers()[0]["pid"]
    with Wire(server.url) as wire:
        answer = wire.ask(garbage)
        assert answer.status == 400
        assert answer.headers["connection"] == "close"
        assert answer.json()["error"]["code"] == "malformed"
        assert wire.rest() == b""
    assert server.workers()[0]["pid"] == worker
    assert "Traceback" not in server.log()


@pytest.mark.parametrize("address", ["/predict/beat", "/health/live"])
def test_garbage_behind_a_request_does_not_take_its_answer(wire: Wire, address: str) -> None:
    """What was asked in good form is answered first; then the connection ends."""
    request = post(beat(0)) if address == "/predict/beat" else get(address)
    wire.send(request + b"\x00garbage\r\n\r\n")
    assert wire.answer().status == 200
    assert wire.rest() == b""


@pytest.mark.parametrize("part", ["address", "header", "headers"])
def test_a_head_without_end_is_refused(wire: Wire, part: str) -> None:
    """Nobody fills the worker's memory with headers."""
    more = {"address": b"x" * 8192, "header": b"x" * 8192, "headers": b"a: b\r\n" * 1400}[part]
    start = {
        "address": b"GET /",
        "header": b"GET / HTTP/1.1\r\na: ",
        "headers": b"GET / HTTP/1.1\r\n",
    }
    wire.send(start[part])
    refused = b""
    try:
        for _ in range(500):
            wire.send(more)
        refused = wire.rest()
    except ConnectionError:  # it was refused and closed while we went on
        refused = wire.rest()
    assert refused.startswith(b"HTTP/1.1 431 ")
    assert b"headers_too_large" in refused


def test_long_but_finite_heads_are_read(wire: Wire) -> None:
    """A few kilobytes of cookies and query harm nobody."""
    address = "/predict/beat?" + "q" * 8000
    assert shares(wire.ask(post(beat(0), address, "Cookie: " + "c" * 16000)))


# --- Callers that go away -----------------------------------------------------------------------


@pytest.mark.parametrize("request_", [post(LATER, "/predict/moody"), post(beat(0))], ids=len)
def test_a_caller_that_only_stops_talking_is_still_answered(wire: Wire, request_: bytes) -> None:
    """A half-closed connection has a reader at its other end."""
    wire.send(request_)
    wire.socket.shutdown(socket.SHUT_WR)
    assert wire.answer().status == 200
    assert wire.rest() == b""


@pytest.mark.parametrize("cut", [10, -3])
def test_half_a_request_and_then_the_end_is_no_request(wire: Wire, cut: int) -> None:
    """It is dropped without an answer."""
    wire.send(post(beat(0))[:cut])
    wire.socket.shutdown(socket.SHUT_WR)
    assert wire.rest() == b""


def test_callers_that_reset_their_connection_cost_nothing(server: Running) -> None:
    """In the middle of a body, or with the answer under way: the next caller is served."""
    before = server.workers()[0]["pid"]
    for request in (post(LATER, "/predict/moody"), post(beat(0))[:-3], post(beat(0)) * 30):
        for _ in range(3):
            with Wire(server.url) as wire:
                wire.send(request)
                wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    server.wait_for(lambda: server.workers()[0]["connections"] == 1)
    assert server.client.post("/predict/beat", json=beat(0)).status_code == 200
    assert server.workers()[0]["pid"] == before
    assert "Traceback" not in server.log()


def test_a_caller_that_never_reads_is_not_read_any_further(server: Running) -> None:
    """Its answers fill the socket, then its requests wait outside; others are served meanwhile."""
    request = post([beat(0)] * 50) * 20
    with Wire(server.url, timeout=0.5) as deaf:
        with pytest.raises(TimeoutError):
            deaf.send(*[request] * 2000)
        assert server.client.post("/predict/beat", json=beat(0)).status_code == 200
        deaf.socket.settimeout(20)
        assert len(deaf.answer().json()) == 50  # the answers were kept for it
        assert len(deaf.answer().json()) == 50


# --- The end ------------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ["auto", *ENGINES])
def test_a_stop_waits_for_bodies_that_are_half_here(
    beat_package: Path, tmp_path: Path, engine: str
) -> None:
    """They are answered, with `Connection: close`; silent connections end at once."""
    with serving(tmp_path, "--package", str(beat_package), engine=engine) as server:
        with Wire(server.url) as half, Wire(server.url) as many, Wire(server.url) as silent:
            request = post(beat(0))
            rows = post([beat(0)] * 2000)
            half.send(request[:-20])
            many.send(rows[:-20])
            server.wait_for(lambda: server.workers()[0]["connections"] == 4)
            server.client.close()
            started = time.monotonic()
            server.process.send_signal(signal.SIGTERM)
            assert silent.rest() == b""
            half.send(request[-20:])
            many.send(rows[-20:])
            for wire in (half, many):
                answer = wire.answer()
                assert (answer.status, answer.headers["connection"]) == (200, "close")
                assert wire.rest() == b""
        assert server.process.wait(timeout=20) == 0
        assert time.monotonic() - started < 8
        assert "Traceback" not in server.log()
