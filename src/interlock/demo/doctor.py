"""`python -m interlock.demo.doctor POLICY URL LIST LATE`: a cardiologist names each beat.

Each label comes when it comes: LATE seconds after the answer on average, some much later.
"""

from __future__ import annotations

import heapq
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np

from interlock.demo import replayed
from interlock.demo.asked import Reader
from interlock.errors import ServerError
from interlock.gates.connection import Connection, plain

_LOOK = 0.2  # seconds between two looks at the list
_AT_ONCE = 500  # labels in one request, at most
_ENDS = {signal.SIGTERM, signal.SIGINT}


class Doctor:
    """Tells the server at `url` what the beats on the list of `asked` really were."""

    def __init__(self, url: str, truths: Sequence[object], asked: Path, late: float) -> None:
        self._url = url
        self._truths = truths
        self._asked = Reader(asked)
        self._late = late
        self._random = np.random.default_rng(0)
        self._waiting: list[tuple[float, str, object]] = []

    def run(self) -> None:
        """Read and label until SIGTERM or Ctrl-C."""
        signal.pthread_sigmask(signal.SIG_BLOCK, _ENDS)
        while signal.sigtimedwait(_ENDS, _LOOK) is None:
            self._read()
            self._tell(time.time())

    def _read(self) -> None:
        for asked in self._asked.new():
            if asked.id:
                due = asked.moment + self._random.exponential(self._late)
                heapq.heappush(self._waiting, (due, asked.id, self._truths[asked.row]))

    def _tell(self, now: float) -> None:
        """Send what is due. What the server does not take is sent again: labels bear that."""
        while self._waiting and self._waiting[0][0] <= now:
            due = [heapq.heappop(self._waiting) for _ in range(min(_AT_ONCE, self._number(now)))]
            if not self._post(due):
                for one in due:
                    heapq.heappush(self._waiting, one)
                return

    def _number(self, now: float) -> int:
        return sum(due <= now for due, _, _ in self._waiting)

    def _post(self, due: Sequence[tuple[float, str, object]]) -> bool:
        labels = [
            {"prediction_id": prediction, "label": label, "source": "cardiologist"}
            for _, prediction, label in due
        ]
        try:
            with Connection(self._url) as connection:
                reply = connection.post(plain("/labels", msgspec.json.encode(labels)))
        except ServerError as error:
            print(error, flush=True)
            return False
        if reply.status != 202:
            print(f"{reply.status}: {reply.body.decode(errors='replace')}", flush=True)
        return reply.status == 202


def main(policy: str, url: str, asked: str, late: str) -> None:
    """Label what the ward has asked about."""
    truths = replayed.truths(Path(policy)).tolist()
    Doctor(url, truths, Path(asked), float(late)).run()


if __name__ == "__main__":
    main(*sys.argv[1:])
