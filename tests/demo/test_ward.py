"""The ward and the cardiologist, before servers that have a bad day."""

from __future__ import annotations

import json
import signal
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from interlock.demo.asked import Asked, Writer
from interlock.demo.doctor import Doctor
from interlock.demo.tally import Tally
from interlock.demo.traffic import Ward


class Moody(BaseHTTPRequestHandler):
    """Refuses the first request to each address, and takes all others."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        seen: dict[str, list[Any]] = self.server.seen  # type: ignore[attr-defined]
        first = self.path not in seen
        seen.setdefault(self.path, [])
        if not first:
            seen[self.path].append(json.loads(body))
        number = len(seen[self.path])
        good = 202 if self.path == "/labels" else 200
        said = json.dumps({"prediction_id": f"p{number}", "version": "1.0.0"}).encode()
        self.send_response(503 if first else good)
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[ThreadingHTTPServer]:
    """A moody server on a port of its own; `seen` is what it took, by address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Moody) as made:
        made.daemon_threads = True
        made.seen = {}  # type: ignore[attr-defined]
        thread = threading.Thread(target=made.serve_forever)
        thread.start()
        yield made
        made.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def _mask() -> Iterator[None]:
    """What tells processes to end waits until it is asked for, as long as a test runs."""
    ends = {signal.SIGTERM, signal.SIGINT}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ends)
    yield
    signal.pthread_sigmask(signal.SIG_SETMASK, before)


def end_after(condition: Callable[[], bool]) -> threading.Thread:
    """Tell this thread to end, as the demonstration tells a process, once `condition` holds."""
    told = threading.get_ident()

    def wait() -> None:
        until = time.monotonic() + 20
        while not condition() and time.monotonic() < until:
            time.sleep(0.02)
        signal.pthread_kill(told, signal.SIGTERM)

    thread = threading.Thread(target=wait)
    thread.start()
    return thread


def test_what_a_ward_is_refused_is_on_its_list(tmp_path: Path, server: ThreadingHTTPServer) -> None:
    """A refusal is a failure, with what the server said; what comes after it is answered."""
    seen: dict[str, list[Any]] = server.seen  # type: ignore[attr-defined]
    ender = end_after(lambda: len(seen.get("/predict", [])) >= 10)
    url = f"http://127.0.0.1:{server.server_address[1]}"
    with Writer(tmp_path / "asked") as writer:
        Ward(url, [b'{"x":1}', b'{"x":2}'], writer, 200.0).run()
    ender.join()
    tally = Tally(tmp_path / "asked")
    tally.look()
    assert len(tally.failures) == 1
    assert tally.failures[0].startswith("503: ")
    assert len(seen["/predict"]) >= 10
    assert {*tally.versions.values()} == {"1.0.0"}
    assert {record["x"] for record in seen["/predict"]} == {1, 2}


def test_labels_that_were_refused_are_sent_again(
    tmp_path: Path, server: ThreadingHTTPServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every answer gets its label in the end, and only answers do."""
    seen: dict[str, list[Any]] = server.seen  # type: ignore[attr-defined]
    with Writer(tmp_path / "asked") as writer:
        writer.add(Asked(1, time.time(), "first", "1.0.0"))
        writer.add(Asked(0, time.time(), failure="503: full"))
        writer.add(Asked(0, time.time(), "second", "1.0.0"))
    given: dict[str, str] = {}

    def both() -> bool:
        posted = [label for labels in seen.get("/labels", []) for label in labels]
        given.update({label["prediction_id"]: label["label"] for label in posted})
        return len(given) == 2

    ender = end_after(both)
    url = f"http://127.0.0.1:{server.server_address[1]}"
    Doctor(url, ["down", "up"], tmp_path / "asked", 0.01).run()
    ender.join()
    assert given == {"first": "up", "second": "down"}
    assert capsys.readouterr().out.startswith("503: ")
