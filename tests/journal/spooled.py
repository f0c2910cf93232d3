"""Records and segments for tests, written as a worker writes them, and a shipper beside them."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import sqlalchemy as sa

from interlock.journal import segments
from interlock.journal.payload import Array
from interlock.journal.record import Answer, Failure, Label, Record, Row, frame
from interlock.journal.shipper import Shipper
from interlock.settings import Settings
from interlock.state import database, schema
from interlock.state.tables import PREDICTIONS

DAY = 86_400_000_000
NOON = 1_763_726_400_000_000
"""2025-11-21T12:00:00Z in microseconds."""

BEAT = np.linspace(-1, 1, 140, dtype="<f4")


def payload(answer: dict[str, Any] | None = None) -> bytes:
    """What is recorded of one heartbeat."""
    said = answer or {"label": "normal", "confidence": 0.75}
    inputs = {"beat": Array("<f4", (140,), BEAT.tobytes()), "age": 61}
    return msgspec.msgpack.encode((inputs, said, {"age": "clipped"}))


def name(number: int) -> str:
    """An id, as a worker makes them."""
    return f"00000000-0000-7000-8000-{number:012d}"


def answer(number: int, *, rows: int = 1, moment: int = NOON, **fields: Any) -> Answer:
    """An answered request; its rows have the ids from `number` on."""
    said: dict[str, Any] = {"deployment": "ecg", "version": "1.0.0", "arm": "live", "door": "plain"}
    said["rows"] = [Row(name(number + row), payload()) for row in range(rows)]
    return Answer(**({"moment": moment, "latency": 0.001} | said | fields))


def failure(number: int, **fields: Any) -> Failure:
    """A request that was refused."""
    said: dict[str, Any] = {"id": name(number), "status": 400, "latency": 0.001}
    said |= {"moment": NOON, "deployment": "ecg", "door": "plain", "code": "wrong_shape"}
    return Failure(**(said | fields))


def label(number: int, prediction: int | None = None, **fields: Any) -> Label:
    """A label of the prediction with that number."""
    said: dict[str, Any] = {"id": name(number), "received": NOON}
    said["value"] = msgspec.msgpack.encode("normal")
    said["prediction"] = None if prediction is None else name(prediction)
    return Label(**(said | fields))


class Pen:
    """Writes to a segment of its own, which is open until `close`."""

    def __init__(self, directory: Path, slot: int = 0) -> None:
        segments.folder(directory).mkdir(parents=True, exist_ok=True)
        self._file, self.segment = segments.create(directory, slot)

    def write(self, *records: Record) -> None:
        """Append `records` by one write."""
        self.put(b"".join(map(frame, records)))

    def put(self, data: bytes) -> None:
        """Append bytes, whatever they are."""
        assert os.write(self._file, data) == len(data)

    def close(self) -> None:
        """End the segment."""
        os.close(self._file)


def write(directory: Path, *records: Record, slot: int = 0) -> Path:
    """A closed segment with `records`."""
    pen = Pen(directory, slot)
    pen.write(*records)
    pen.close()
    return pen.segment.path


@contextmanager
def shipping(settings: Settings) -> Iterator[Shipper]:
    """A shipper at work; told to stop at the end, and waited for."""
    shipper = Shipper(settings)
    thread = threading.Thread(target=shipper.run)
    thread.start()
    try:
        yield shipper
    finally:
        shipper.stop()
        thread.join()


def until(condition: Callable[[], bool], seconds: float = 15.0) -> None:
    """Wait for `condition`; AssertionError when it does not come true."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.02)


def kept(settings: Settings) -> list[str]:
    """Ids of all predictions in the settings' database, in order."""
    engine = database.connect(settings)
    try:
        schema.ensure(engine)
        with engine.connect() as connection:
            return list(connection.execute(sa.select(PREDICTIONS.c.id).order_by("id")).scalars())
    finally:
        engine.dispose()
