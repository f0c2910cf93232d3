"""Load at a steady rate, from a process of its own.

The load is open: requests are due at fixed moments, whether or not earlier ones were answered, and
a latency counts from the moment at which its request was *due*. A generator that waits for answers
sends less just when the server is slow, and then reports the few that it sent; Gil Tene calls that
coordinated omission ("How NOT to Measure Latency", 2013; the remedy is that of his wrk2).

``python -I -m interlock.gates.load`` reads a `Plan` (a line of JSON), says when it begins, and at
the end what came of it. The end of its input ends it early.
"""

from __future__ import annotations

import gc
import itertools
import math
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Sequence
from typing import Annotated, NamedTuple, Self

import msgspec
from msgspec import Meta

from interlock.errors import ServerError
from interlock.gates.connection import Connection, Request

CONNECTIONS = 16
"""Requests that can be under way at the same moment."""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What to send where: `requests` in turn, `rate` of them a second, for `seconds`."""

    url: str
    requests: Annotated[list[Request], Meta(min_length=1)]
    rate: Annotated[float, Meta(gt=0)]
    seconds: Annotated[float, Meta(gt=0)]
    connections: Annotated[int, Meta(ge=1)] = CONNECTIONS


class Sent(NamedTuple):
    """One request: when it was due (`time.monotonic`), how long it took from then, what came.

    `status` is 0 when no answer came, `version` the model's in an answer.
    """

    due: float
    latency: float
    status: int
    version: str = ""


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a load."""

    began: float
    ended: float
    sent: list[Sent]
    troubles: list[str] = []

    @property
    def failed(self) -> list[Sent]:
        """Requests that were not answered as they should be."""
        return [one for one in self.sent if one.status != 200]

    @property
    def rate(self) -> float:
        """Answered requests a second."""
        return (len(self.sent) - len(self.failed)) / (self.ended - self.began)

    def latency(self, share: float) -> float:
        """The latency in seconds that the rest of the answers, 1 - `share`, are not below."""
        answered = sorted(one.latency for one in self.sent if one.status == 200)
        if not answered:
            return math.inf
        return answered[min(len(answered) - 1, math.ceil(share * len(answered)) - 1)]


class Load:
    """A load under way; ended with the ``with`` block at the latest."""

    def __init__(self, plan: Plan) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-m", "interlock.gates.load"],
            env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self._plan = plan

    def __enter__(self) -> Self:
        try:
            self._begin()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    @property
    def running(self) -> bool:
        """Whether requests are still being sent."""
        return self._process.poll() is None

    def finish(self) -> Result:
        """The result when the load has lasted as long as it was to."""
        assert self._process.stdout is not None  # noqa: S101 - it was opened as a pipe
        return self._read(self._process.stdout.read())

    def stop(self) -> Result:
        """The result of what was sent until now."""
        assert self._process.stdin is not None  # noqa: S101 - it was opened as a pipe
        self._process.stdin.close()
        return self.finish()

    def _begin(self) -> None:
        """Wait until the first request is due."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None and stdout is not None  # noqa: S101, PT018 - opened as pipes
        try:
            stdin.write(msgspec.json.encode(self._plan) + b"\n")
            stdin.flush()
        except BrokenPipeError:
            pass  # then it has ended, and said why
        if not stdout.readline():
            raise self._failure()

    def _read(self, said: bytes) -> Result:
        if self._process.wait() != 0:
            raise self._failure()
        return msgspec.json.decode(said, type=Result)

    def _failure(self) -> ServerError:
        assert self._process.stderr is not None  # noqa: S101 - it was opened as a pipe
        said = self._process.stderr.read().decode(errors="replace").strip()
        return ServerError(f"the load could not be made: {said}")

    def _end(self) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            if pipe is not None:
                pipe.close()


class _Clients:
    """The connections of a load, a thread each: whoever is free takes the next request."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._total = max(1, round(plan.rate * plan.seconds))
        self._next = itertools.count()
        self._start = threading.Barrier(plan.connections + 1, self._begin)
        self.stop = threading.Event()
        self.began = 0.0
        self.sent: list[Sent] = []
        self.troubles: list[str] = []

    def run(self) -> Result:
        threads = [threading.Thread(target=self._client) for _ in range(self._plan.connections)]
        for thread in threads:
            thread.start()
        self._start.wait()
        print(self.began, flush=True)
        for thread in threads:
            thread.join()
        return Result(
            began=self.began,
            ended=time.monotonic(),
            sent=sorted(self.sent),
            troubles=self.troubles[:10],
        )

    def _begin(self) -> None:
        self.began = time.monotonic() + 0.005

    def _client(self) -> None:
        with Connection(self._plan.url) as connection:
            self._ask(connection, 0)  # connecting is no part of a latency
            self._start.wait()
            while (number := next(self._next)) < self._total:
                due = self.began + number / self._plan.rate
                if self.stop.wait(max(0.0, due - time.monotonic())):
                    return
                status, version = self._ask(connection, number)
                self.sent.append(Sent(due, time.monotonic() - due, status, version))

    def _ask(self, connection: Connection, number: int) -> tuple[int, str]:
        requests = self._plan.requests
        try:
            reply = connection.post(requests[number % len(requests)])
            if reply.status != 200:
                self.troubles.append(f"{reply.status}: {reply.body[:200].decode(errors='replace')}")
                return reply.status, ""
            said = msgspec.json.decode(reply.body[: reply.json_length], type=_Said)
        except (ServerError, msgspec.DecodeError) as error:
            self.troubles.append(str(error))
            return 0, ""
        return reply.status, said.version or said.model_version


class _Said(msgspec.Struct):
    """What the doors call the version that answered."""

    version: str = ""
    model_version: str = ""


def steady(url: str, requests: Sequence[Request], *, rate: float, seconds: float) -> Load:
    """A load of single requests: `rate` a second, for `seconds`."""
    return Load(Plan(url=url, requests=list(requests), rate=rate, seconds=seconds))


def percentiles(results: Iterable[Result]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Per cent of the answers of `results`, and the milliseconds that they came within."""
    found = sorted(one.latency for result in results for one in result.sent if one.status == 200)
    shares = [*range(0, 96, 5), 97, 98, 99, 99.5, 99.9]
    kept = [share for share in shares if found]
    places = [math.ceil(share / 100 * len(found)) - 1 for share in kept]
    return tuple(map(float, kept)), tuple(1000 * found[max(0, place)] for place in places)


def main() -> None:
    """Make the load that standard input describes."""
    plan = msgspec.json.decode(sys.stdin.buffer.readline(), type=Plan)
    clients = _Clients(plan)

    def listen() -> None:
        # Not by way of sys.stdin: its lock would be held when the interpreter ends.
        while os.read(0, 4096):
            pass
        clients.stop.set()

    threading.Thread(target=listen, daemon=True).start()
    gc.disable()  # a collection would look like a slow answer
    result = clients.run()
    sys.stdout.buffer.write(msgspec.json.encode(result))
    sys.stdout.flush()


if __name__ == "__main__":
    main()
