"""One package, loaded and ready to answer: everything that can be decided before a request is."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import msgspec

from interlock.engine import Batcher, Measurement, Session, measure
from interlock.engine.session import Feed, Outputs
from interlock.errors import IntegrityError
from interlock.journal import payload, redaction
from interlock.journal.hashing import Hasher
from interlock.package import reader
from interlock.serve import metrics
from interlock.serve.metrics import Recorder
from interlock.serve.table import Deployment
from interlock.settings import Settings
from interlock.signature import answers
from interlock.signature import subject as subjects
from interlock.signature.answers import Row
from interlock.signature.inference import TensorDecoder
from interlock.signature.records import Decoder

_TURN = 0.004  # seconds; the longest that a batch of several requests should hold the event loop


class Served:
    """A loaded version and its instruments.

    Raises
    ------
    PackageError
        When the package at the deployment's path cannot be loaded.
    IntegrityError
        When it is not the package that the table names.
    """

    def __init__(
        self,
        deployment: Deployment,
        settings: Settings,
        recorder: Recorder,
        hasher: Hasher | None = None,
    ) -> None:
        self.package = reader.verify(Path(deployment.path))
        if self.package.digest != deployment.digest:
            raise IntegrityError(
                f"{deployment.path} holds {self.package.digest},"
                f" but the table wants {deployment.digest}"
            )
        self.deployment = deployment
        self.name = deployment.name
        self.version = deployment.version
        self.signature = self.package.signature
        self.decoder = Decoder(self.signature)
        self.tensors = TensorDecoder(self.signature)
        self.rows = answers.reader(self.signature.output)
        subject = self.package.manifest.subject
        self.payloads = payload.Writer(self.signature, hasher, subject)
        self.subjects = subjects.reader(self.signature, subject) if subject else None
        self.keeps_bodies = redaction.keeps_bodies(self.signature, subject)
        session = Session(self.package.graph_path, self.signature, threads=settings.engine_threads)
        self.measured = self._measure(session)
        self.inline_rows = _inline_rows(settings, self.measured)
        self.turn_rows = _turn_rows(settings, self.measured)
        self.run = session.run
        self._batcher = Batcher(
            session.run,
            together=self.measured.batching_pays,
            row_limit=settings.batch_limit,
            queue_limit=settings.queue_limit,
        )
        self._predictions = recorder.counter(metrics.PREDICTIONS, self.name, self.version)
        self._latency = recorder.histogram(metrics.LATENCY, self.name, self.version)
        self._confidence = recorder.histogram(metrics.CONFIDENCE, self.name, self.version)
        self._waiting = recorder.counter(metrics.WAITING, self.name)
        self._waiting.set(0)

    def _measure(self, session: Session) -> Measurement:
        golden = self.package.golden().records
        return measure(session, self.decoder.decode(msgspec.json.encode(golden)).feed)

    async def queue(self, feed: Feed, rows: int, deadline: float) -> Outputs:
        """Outputs by way of the engine thread; see `Batcher.submit` for what it raises."""
        self._waiting.set(self._batcher.waiting + 1)
        try:
            return await self._batcher.submit(feed, rows, deadline)
        finally:
            self._waiting.set(self._batcher.waiting)

    def count(self, rows: list[Row], started: float) -> None:
        """Record an answer: `started` is `time.perf_counter()` at the request's arrival."""
        self._predictions.add(len(rows))
        self._latency.observe(time.perf_counter() - started)
        if "confidence" in rows[0]:
            for row in rows:
                self._confidence.observe(row["confidence"])

    def close(self) -> None:
        """Let the engine thread end once its queue is empty."""
        self._batcher.close()


def _inline_rows(settings: Settings, measured: Measurement) -> int:
    """Most rows of a request that may run in the event loop; 0 when none may."""
    if settings.engine != "auto":
        return sys.maxsize if settings.engine == "inline" else 0
    if measured.one > settings.inline_limit:
        return 0
    return max(1, int(settings.inline_limit / measured.batched))


def _turn_rows(settings: Settings, measured: Measurement) -> int:
    """Most rows of several requests that run as one batch in the event loop.

    They would run one after the other otherwise, in the same turn of the loop, so it is enough
    that a batch is no slower; what else there is to do for each request then stays in the caches.
    """
    if measured.one < measured.batched:
        return 1
    return max(1, min(settings.batch_limit, int(_TURN / measured.batched)))
