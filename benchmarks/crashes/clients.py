"""Clients that ask without end and keep the id of every answer that reached them."""

from __future__ import annotations

import itertools
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException
from typing import Any

from crashes.model import NAME, WIDTH

_PAUSE = 0.001  # seconds between two requests of a client
_AGAIN = 0.02  # seconds until the next try after a connection that was cut or refused
_MANY = 5  # records of a request that holds several
_LABEL_EVERY = 10  # requests a label
_JSON = {"Content-Type": "application/json"}


class Clients:
    """`number` connections to the loopback's `port`, each asking one request after the other.

    No request is sent twice, and no two rows are alike: the first value of each is its number.
    """

    def __init__(self, port: int, number: int = 4) -> None:
        self._port = port
        self._numbers = itertools.count(1)
        self._threads = [threading.Thread(target=self._run) for _ in range(number)]
        self._end = threading.Event()
        self.received: dict[str, int] = {}
        """Prediction id to the number of the row that it answers."""
        self.labelled: set[str] = set()
        """Predictions whose label the server said it has."""
        self.broken = 0
        self.refused: dict[int, int] = {}

    @contextmanager
    def asking(self) -> Iterator[None]:
        """Ask until the block ends."""
        for thread in self._threads:
            thread.start()
        try:
            yield
        finally:
            self._end.set()
            for thread in self._threads:
                thread.join()

    def _run(self) -> None:
        while not self._end.is_set():
            connection = HTTPConnection("127.0.0.1", self._port, timeout=5)
            try:
                self._ask(connection)
            except (OSError, HTTPException):
                self.broken += 1
                time.sleep(_AGAIN)
            finally:
                connection.close()

    def _ask(self, connection: HTTPConnection) -> None:
        for turn in itertools.count():
            if self._end.is_set():
                return
            found = self._predict(connection, turn)
            self.received.update(found)
            if found and turn % _LABEL_EVERY == 0:
                self._label(connection, next(iter(found)))
            time.sleep(_PAUSE)

    def _predict(self, connection: HTTPConnection, turn: int) -> dict[str, int]:
        """One request, of each kind in turn; the ids of its answer."""
        rows = _MANY if turn % 3 == 1 else 1
        numbers = list(itertools.islice(self._numbers, rows))
        if turn % 3 == 2:
            said = self._post(connection, f"/v2/models/{NAME}/infer", _tensors(numbers))
            ids = [said["parameters"]["prediction_id"]] if said else []
        else:
            records = [{"beat": _beat(number)} for number in numbers]
            said = self._post(connection, "/predict", records if rows > 1 else records[0])
            answers = said if isinstance(said, list) else [said] if said else []
            ids = [answer["prediction_id"] for answer in answers]
        return dict(zip(ids, numbers, strict=bool(ids)))

    def _label(self, connection: HTTPConnection, prediction: str) -> None:
        label = {"prediction_id": prediction, "label": "low", "source": "crash"}
        if self._post(connection, "/labels", label, good=202):
            self.labelled.add(prediction)

    def _post(self, connection: HTTPConnection, path: str, value: Any, *, good: int = 200) -> Any:
        connection.request("POST", path, json.dumps(value), _JSON)
        answer = connection.getresponse()
        body = answer.read()
        if answer.status == good:
            return json.loads(body)
        self.refused[answer.status] = self.refused.get(answer.status, 0) + 1
        return None


def _beat(number: int) -> list[float]:
    return [float(number), *[0.5] * (WIDTH - 1)]


def _tensors(numbers: list[int]) -> dict[str, Any]:
    data = [value for number in numbers for value in _beat(number)]
    shape = [len(numbers), WIDTH]
    return {"inputs": [{"name": "beat", "shape": shape, "datatype": "FP32", "data": data}]}
