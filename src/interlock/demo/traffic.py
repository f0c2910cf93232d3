"""`python -m interlock.demo.traffic POLICY PACKAGE URL LIST RATE`: a ward that asks all the time.

Heartbeats are drawn at random, again and again: there are far fewer of them than questions. So each
question is an independent draw, and what is found out is found out about these heartbeats alone.
"""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np

from interlock import package
from interlock.demo import replayed
from interlock.demo.asked import Asked, Writer
from interlock.errors import ServerError
from interlock.gates.connection import Connection, plain

_CALLERS = 4  # connections
_BEHIND = 1.0  # seconds after which what was not asked in time is left out


class _Answer(msgspec.Struct):
    prediction_id: str
    version: str


class Ward:
    """Asks the server at `url` about random `bodies`, `rate` a second, and keeps a list."""

    def __init__(self, url: str, bodies: Sequence[bytes], asked: Writer, rate: float) -> None:
        self._url = url
        self._bodies = bodies
        self._asked = asked
        self._pause = _CALLERS / rate
        self._ended = threading.Event()

    def run(self) -> None:
        """Ask until SIGTERM or Ctrl-C; what has been asked by then is answered."""
        ends = {signal.SIGTERM, signal.SIGINT}
        signal.pthread_sigmask(signal.SIG_BLOCK, ends)  # threads inherit it
        callers = [threading.Thread(target=self._call, args=(seed,)) for seed in range(_CALLERS)]
        for caller in callers:
            caller.start()
        signal.sigwait(ends)
        self._ended.set()
        for caller in callers:
            caller.join()

    def _call(self, seed: int) -> None:
        random = np.random.default_rng(seed)
        due = time.monotonic()
        with Connection(self._url) as connection:
            while not self._ended.wait(max(0.0, due - time.monotonic())):
                row = int(random.integers(len(self._bodies)))
                self._asked.add(self._ask(connection, row))
                due = max(due + self._pause, time.monotonic() - _BEHIND)

    def _ask(self, connection: Connection, row: int) -> Asked:
        moment = time.time()
        try:
            reply = connection.post(plain("/predict", self._bodies[row]))
        except ServerError as error:
            return Asked(row, moment, failure=str(error))
        if reply.status != 200:
            return Asked(row, moment, failure=f"{reply.status}: {reply.body[:200]!r}")
        answer = msgspec.json.decode(reply.body, type=_Answer)
        return Asked(row, moment, answer.prediction_id, answer.version)


def main(policy: str, packaged: str, url: str, asked: str, rate: str) -> None:
    """Replay the rows that the policy's project keeps for judging."""
    bodies = replayed.bodies(Path(policy), package.read(Path(packaged)).signature)
    with Writer(Path(asked)) as writer:
        Ward(url, bodies, writer, float(rate)).run()


if __name__ == "__main__":
    main(*sys.argv[1:])
