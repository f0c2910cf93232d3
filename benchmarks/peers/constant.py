"""The floor: our own supervisor, workers and HTTP server around an application that always says
the same, as long as our answer is. What is above it is the price of inference, not of HTTP.

    BENCH_GRAPH=package/model.onnx BENCH_ANSWER='{"label": …}' python -m peers.constant PORT
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from interlock import settings
from interlock.serve import table
from interlock.serve.supervisor import Supervisor
from interlock.serve.table import Table
from interlock.serve.worker import Worker

Message = dict[str, Any]


class Constant:
    """A bare ASGI application; it answers before the body of the request is even looked at."""

    def __init__(self, body: bytes) -> None:
        self.served: dict[str, Any] = {}
        self.lineups: dict[str, Any] = {}
        self.hot: dict[bytes, Any] = {}
        length = str(len(body)).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", length)]
        self._start = {"type": "http.response.start", "status": 200, "headers": headers}
        self._body = {"type": "http.response.body", "body": body}

    def swap(self, _lineups: dict[str, Any], _hasher: object) -> None:
        """There is nothing to swap."""

    def close(self) -> None:
        """There is nothing to end."""

    async def __call__(
        self, _scope: Message, _receive: object, send: Callable[[Message], Awaitable[None]]
    ) -> None:
        await send(self._start)
        await send(self._body)


class Floor(Supervisor):
    """The supervisor, with workers that run `Constant`."""

    def _worker(self, slot: int) -> Callable[[], None]:
        def work() -> None:
            worker = Worker(self._run, slot, self._settings, self._status)
            worker._app = Constant(os.environ["BENCH_ANSWER"].encode())  # type: ignore[assignment]
            worker.run(self._listener)

        return work


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        run.mkdir()
        package = Path(os.environ["BENCH_GRAPH"]).parent  # loaded, as a worker must, and unused
        table.write(run, Table(deployments=(table.describe(package),)))
        sys.exit(Floor(run, settings.read(port=sys.argv[1], workers=2)).serve())
