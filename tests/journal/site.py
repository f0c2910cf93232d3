"""One server's journal: what its worker, its shipper and an erasure make of it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow.parquet as pq
import sqlalchemy as sa
from uuid_utils import uuid7

from interlock.journal import labels, payload, record, seal, segments
from interlock.journal.erasure import Erasure, Report
from interlock.journal.hashing import Hasher
from interlock.journal.reading import Reader
from interlock.journal.record import Answer, Failure, Row
from interlock.journal.resolution import Resolver
from interlock.journal.shipper import Shipper
from interlock.journal.spool import Spool
from interlock.settings import Settings
from interlock.signature import Signature, Text, Value
from interlock.state import database
from interlock.state.tables import FAILURES, LABELS, PREDICTIONS

NOTE = Signature(inputs=(Text(name="note"),), output=Value())


class Site:
    """One server's journal, as its worker and its shipper would fill it."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.hasher = Hasher(settings)
        self.sealer = seal.of(settings)
        segments.folder(settings.spool()).mkdir(parents=True, exist_ok=True)
        self.spool = Spool(settings.spool(), 0, settings)
        self.writer = payload.Writer(NOTE)

    def answer(self, subject: str, *notes: str) -> list[str]:
        """Record an answer with a row for each of `notes`, all about `subject`; returns the ids."""
        known = self.sealer.generation()
        feed = {"note": np.array(notes, object)}
        payloads = self.writer.rows(feed, [{"value": 1.5}] * len(notes), None)
        whom = self.hasher.hash(subject, "subject")
        ids = [str(uuid7()) for _ in notes]
        rows = [
            Row(id_, *order(whom, *self.sealer.seal(whom, id_, one)))
            for id_, one in zip(ids, payloads, strict=True)
        ]
        key = self.hasher.hash(subject, "key")
        moment = time.time_ns() // 1000
        self.write(Answer(moment, "ward", "1.0.0", "live", "plain", 0.001, rows, key, None, known))
        return ids

    def fail(self, subject: str, body: str) -> None:
        """Record a failure with its body."""
        id_, whom = str(uuid7()), self.hasher.hash(subject, "subject")
        known = self.sealer.generation()
        stored, key = self.sealer.seal(whom, id_, body.encode())
        hashed = self.hasher.hash(subject, "key")
        moment = time.time_ns() // 1000
        failure = Failure(id_, moment, "ward", "plain", "x", 400, 0.1, hashed, None, stored, key)
        self.write(msgspec.structs.replace(failure, generation=known))

    def label(self, **said: Any) -> None:
        """Record a label."""
        given = [labels.Given(**said)]
        for some in labels.records(given, self.hasher, self.sealer, datetime.now(UTC)):
            self.write(some)

    def write(self, one: record.Record) -> None:
        self.spool.append([record.frame(one)])
        self.spool.commit()

    def stop(self) -> None:
        """End the worker: its segment is closed."""
        self.spool.close()
        self.sealer.close()

    def ship(self) -> None:
        """Ship all that is in the spool."""
        shipper = Shipper(self.settings)
        shipper.stop()
        shipper.run()
        assert segments.listed(self.settings.spool()) == []

    def resolve(self) -> int:
        """Join labels to their predictions."""
        engine = database.connect(self.settings)
        resolver = Resolver(engine, self.settings)
        try:
            return resolver.resolve()
        finally:
            resolver.close()
            engine.dispose()

    def rows(self, table: sa.Table) -> list[Any]:
        """What the database holds."""
        engine = database.connect(self.settings)
        with engine.connect() as connection:
            found = list(connection.execute(sa.select(table)))
        engine.dispose()
        return found

    def erase(self, subject: str, wait: float = 30.0) -> Report:
        return Erasure(self.settings, subject).run("asked by letter", wait=wait)


def order(
    subject: bytes, stored: bytes, key: bytes | None
) -> tuple[bytes, bytes | None, bytes | None]:
    """Payload, subject and seal, as a row has them."""
    return stored, subject, key


def readable(folder: Path, site: Site) -> list[str]:
    """What can be opened of the data in `folder` with the master key and the keys of now."""
    opener = seal.opener(site.settings)
    found = []
    for file in folder.rglob("*.parquet"):
        found += [
            opener.open(row["seal"], row["id"], row["payload"])
            for row in pq.read_table(file, partitioning=None).to_pylist()
        ]
    for segment in (folder / "home" / "journal" / "spool").glob("*.segment"):
        for one in Reader(segment).read(0, 1 << 30).records:
            found += list(_opened(one, opener))
    for file in folder.rglob("interlock.db"):
        engine = database.engine(f"sqlite:///{file}")
        with engine.connect() as connection:
            for row in connection.execute(sa.select(PREDICTIONS)):
                found.append(opener.open(row.seal, row.id, row.payload))
            for row in connection.execute(sa.select(LABELS)):
                found.append(opener.open(row.seal, row.id, row.value))
            for row in connection.execute(sa.select(FAILURES)):
                found.append(opener.open(row.seal, row.id, row.body))
        engine.dispose()
    opener.close()
    return [repr(one) for one in found if one is not None]


def _opened(one: record.Record, opener: seal.Opener) -> Iterator[bytes | None]:
    if isinstance(one, Answer):
        for row in one.rows:
            yield opener.open(row.seal, row.id, row.payload)
    elif isinstance(one, Failure):
        yield opener.open(one.seal, one.id, one.body or b"")
    else:
        for label in one:
            yield opener.open(label.seal, label.id, label.value)
