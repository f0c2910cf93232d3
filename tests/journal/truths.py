"""Predictions and labels in a real database, put there as the shipper does it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import numpy as np
import sqlalchemy as sa
from uuid_utils import uuid7

from interlock.journal import labels, seal
from interlock.journal.hashing import Hasher
from interlock.journal.labels import Given
from interlock.journal.payload import Writer
from interlock.journal.record import Answer, Row
from interlock.journal.sinks.sql import SqlSink
from interlock.settings import Settings
from interlock.signature import Classes, Number, Signature, Value
from interlock.state import database

START = datetime(2026, 3, 1, tzinfo=UTC)
RISK = Signature(inputs=(Number(name="age"),), output=Classes(labels=("no", "yes")))
DAYS = Signature(inputs=(Number(name="age"),), output=Value())


def after(seconds: float) -> datetime:
    """So many seconds after `START`."""
    return START + timedelta(seconds=seconds)


def micros(seconds: float) -> int:
    """The same as it is stored."""
    return labels.micros(after(seconds))


def yes(share: float) -> dict[str, Any]:
    """What a classifier answers that finds "yes" so likely."""
    return {
        "label": "yes" if share > 0.5 else "no",
        "confidence": max(share, 1 - share),
        "probabilities": {"no": 1 - share, "yes": share},
    }


class Kept:
    """The database of `settings`, filled by the sink that the shipper has."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.engine = database.connect(settings)
        self._sink = SqlSink(settings.database_url(), "journal")
        self._sink.cursors()
        self._seal = seal.of(settings)
        self._hasher = Hasher(settings)
        self._end = 0

    def close(self) -> None:
        self._sink.close()
        self._seal.close()
        self.engine.dispose()

    def hashed(self, key: str) -> bytes:
        return self._hasher.hash(key, "key")

    def predict(
        self,
        seconds: float,
        *answers: dict[str, Any],
        signature: Signature = RISK,
        **about: Any,
    ) -> list[str]:
        """Have `answers` (one yes if none) on record as given then; returns their ids."""
        given = list(answers or [yes(0.75)])
        feed = {"age": np.full(len(given), 61, np.float32)}
        return self.record(seconds, feed, given, signature, **about)

    def record(
        self,
        seconds: float,
        feed: dict[str, Any],
        answers: list[dict[str, Any]],
        signature: Signature,
        *,
        deployment: str = "risk",
        version: str = "1.0.0",
        key: str | None = None,
        subject: str | None = None,
        primary: str | None = None,
        id_: str | None = None,
    ) -> list[str]:
        """Have answers to `feed` on record as given then; returns their ids."""
        whom = None if subject is None else self._hasher.hash(subject, "subject")
        ids = [id_ or str(uuid7()) for _ in answers]
        rows = []
        for name, data in zip(ids, Writer(signature).rows(feed, answers, None), strict=True):
            stored, key_id = self._seal.seal(whom, name, data)
            rows.append(Row(name, stored, whom, key_id, primary))
        arm = "live" if primary is None else "shadow"
        hashed = None if key is None else self.hashed(key)
        self.ship(Answer(micros(seconds), deployment, version, arm, "plain", 0.001, rows, hashed))
        return ids

    def say(self, label: Any, *, received: float = 0.0, **named: Any) -> None:
        """Have a label on record that came then, by prediction_id or by key and time."""
        given = msgspec.convert({"label": label, **named}, Given)
        for part in labels.records([given], self._hasher, self._seal, after(received)):
            self.ship(part)

    def ship(self, record: Any) -> None:
        self._end += 1
        self._sink.write("segment", [record], self._end)

    def rows(self, table: sa.Table) -> list[Any]:
        """All that is in a table; labels in the order of their arrival."""
        ordered = sa.select(table).order_by(*table.primary_key)
        with self.engine.connect() as connection:
            return list(connection.execute(ordered))
