"""Labels that do not come over HTTP: from files and queries, into the database."""

from __future__ import annotations

import csv
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import sqlalchemy as sa
from uuid_utils import uuid7

from interlock.errors import ConfigurationError, RequestError
from interlock.journal import labels, outcomes, payload, seal, ties
from interlock.journal.hashing import Hasher
from interlock.journal.labels import Given, Truth
from interlock.settings import Settings
from interlock.state import database
from interlock.state import labels as kept
from interlock.state.labels import Row

COLUMNS = tuple(field.name for field in msgspec.structs.fields(Given))

_TOGETHER = 1000


class Found(NamedTuple):
    """A label and where it stood, for whoever has to correct it."""

    where: str
    given: Given


class Taken(msgspec.Struct):
    """What became of labels. Those `waiting` are among the added: their predictions are not here.

    `unchanged` said what was known already.
    """

    added: int = 0
    unchanged: int = 0
    waiting: int = 0


def from_file(path: Path) -> Iterator[Found]:
    """The labels in a file: CSV, JSON lines, or Parquet, by its ending.

    Raises
    ------
    ConfigurationError
        When it cannot be read, or a row is no label; names the row.
    """
    if path.suffix not in _READERS:
        raise ConfigurationError(f"{path}: labels are read from {', '.join(sorted(_READERS))}")
    try:
        for number, row in enumerate(_READERS[path.suffix](path), 1):
            yield _found(f"{path}, row {number}", row)
    except (OSError, UnicodeDecodeError, msgspec.DecodeError, csv.Error) as error:
        raise ConfigurationError(f"{path} cannot be read: {error}") from error


def from_query(url: str, query: str) -> Iterator[Found]:
    """The labels that a SQL query answers, a row each, from the database at `url`.

    Raises
    ------
    DatabaseError
        When it cannot be asked.
    ConfigurationError
        When a row is no label; names the row.
    """
    engine = database.engine(url)
    try:
        with engine.connect() as connection:
            for number, row in enumerate(connection.execute(sa.text(query)), 1):
                yield _found(f"the query's row {number}", row._asdict())
    finally:
        engine.dispose()


def read(row: Mapping[str, Any]) -> Given:
    """The label in a row, by column; moments without an offset are UTC.

    Raises
    ------
    ValueError
        When it is none.

    Examples
    --------
    >>> read({"key": "bed 7", "time": "2025-11-21 14:00", "label": "normal"}).time.isoformat()
    '2025-11-21T14:00:00+00:00'
    """
    unknown = [str(name) for name in row if name not in COLUMNS]
    if unknown:
        raise ValueError(
            f"no label has a column {', '.join(unknown)}; leave it out. Known: {', '.join(COLUMNS)}"
        )
    values = {name: value for name, value in row.items() if not _is_missing(value)}
    for name in ("time", "observed"):
        if name in values:
            values[name] = _moment(values[name])
    if isinstance(values.get("label"), Decimal):
        values["label"] = float(values["label"])
    for name in ("key", "source"):  # whole numbers, where a file has columns of such
        if isinstance(values.get(name), int):
            values[name] = str(values[name])
    given = msgspec.convert(values, Given)
    try:
        labels.check_time(given, datetime.now(UTC))
    except RequestError as error:
        raise ValueError(str(error)) from None
    return given


class Intake:
    """Puts labels into the database of `engine`.

    Raises
    ------
    KeyStoreError
        When a key that it needs is missing or wrong.
    """

    def __init__(self, engine: sa.Engine, settings: Settings) -> None:
        self._engine = engine
        self._hasher = Hasher(settings)
        ties.tie(engine, self._hasher)
        self._sealer = seal.of(settings)
        self._opener = seal.opener(settings)
        self.taken = Taken()

    def put(self, found: Sequence[Found]) -> None:
        """Add labels, and count what became of them. Those that are known already change nothing.

        Raises
        ------
        ConfigurationError
            When one cannot be right about the answer it names; those far before it may be in.
        """
        for start in range(0, len(found), _TOGETHER):
            self._put(found[start : start + _TOGETHER])

    def close(self) -> None:
        """Give the key stores back."""
        self._sealer.close()
        self._opener.close()

    def _put(self, found: Sequence[Found]) -> None:
        with self._engine.connect() as connection:
            about = [self._prediction(connection, one.given) for one in found]
            named = [name for name in about if name is not None]
            answers = {row.id: row for row in kept.answers(connection, named)}
            holding = kept.current(connection, named)
        known = {name: self._value(row) for name, row in holding.items()}
        before = {name: row.received for name, row in holding.items()}
        rows = []
        for one, name in zip(found, about, strict=True):
            answer = None if name is None else answers.get(name)
            truth = one.given.label if answer is None else self._fitting(one, answer)
            if name is not None and known.get(name) == truth:
                self.taken.unchanged += 1
                continue
            if name is not None:
                known[name] = truth
            self.taken.waiting += answer is None
            # What holds now may be from a clock that is ahead; this is its correction all the same.
            now = max(time.time_ns() // 1000, before.get(name or "", 0) + 1)
            if name is not None:
                before[name] = now
            rows.append(self._row(one.given, truth, name, answer, now))
        with self._engine.begin() as connection:
            kept.insert(connection, rows)
        self.taken.added += len(rows)

    def _prediction(self, connection: sa.Connection, given: Given) -> str | None:
        """The id of what a label is about, if that can be told by now."""
        if given.prediction_id is not None:
            return given.prediction_id.lower()
        assert given.key is not None and given.time is not None  # noqa: S101, PT018 - `Given` says so
        key, at = self._hasher.hash(given.key, "key"), labels.micros(given.time)
        return kept.nearest(connection, key, at, given.deployment)

    def _value(self, row: Row) -> Truth | None:
        opened = self._opener.open(row.seal, row.id, row.value)
        return None if opened is None else labels.value(opened)

    def _fitting(self, one: Found, answer: Row) -> Truth:
        opened = self._opener.open(answer.seal, answer.id, answer.payload)
        if opened is None:
            return one.given.label
        try:
            return outcomes.fitted(one.given.label, payload.read(opened).answer)
        except RequestError as error:
            said = f"{error.message}; expected {error.expected}, got {error.got}"
            raise ConfigurationError(f"{one.where}: {said}") from None

    def _row(
        self, given: Given, truth: Truth, name: str | None, answer: Row | None, now: int
    ) -> dict[str, Any]:
        label = str(uuid7())
        whom = seal.interim(label) if answer is None else answer.subject
        value, key_id = self._sealer.seal(whom, label, labels.packed(truth))
        return {
            "id": label,
            "prediction": name,
            "deployment": given.deployment,
            "key": None if given.key is None else self._hasher.hash(given.key, "key"),
            "at": None if given.time is None else labels.micros(given.time),
            "value": value,
            "seal": key_id,
            "observed": None if given.observed is None else labels.micros(given.observed),
            "received": now,
            "source": given.source,
            "resolved": None if answer is None else now,
        }


def _found(where: str, row: Mapping[str, Any]) -> Found:
    try:
        return Found(where, read(row))
    except ValueError as error:
        raise ConfigurationError(f"{where}: {error}") from None


def _csv(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        for row in csv.DictReader(file):
            yield {"" if name is None else name: value for name, value in row.items()}


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    with path.open("rb") as file:
        for line in file:
            if line.strip():
                yield msgspec.json.decode(line, type=dict[str, Any])


def _parquet(path: Path) -> Iterator[dict[str, Any]]:
    try:
        from pyarrow import ArrowInvalid, parquet  # noqa: PLC0415 - an extra
    except ImportError:
        raise ConfigurationError(
            f"{path}: reading Parquet needs pyarrow: pip install 'interlock[parquet]'"
        ) from None
    try:
        with parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(_TOGETHER):
                yield from batch.to_pylist()
    except ArrowInvalid as error:
        raise ConfigurationError(f"{path} cannot be read: {error}") from error


_READERS: dict[str, Callable[[Path], Iterator[dict[str, Any]]]] = {
    ".csv": _csv,
    ".jsonl": _lines,
    ".ndjson": _lines,
    ".parquet": _parquet,
}


def _is_missing(value: Any) -> bool:
    return value is None or value == "" or (isinstance(value, float) and math.isnan(value))


def _moment(value: Any) -> datetime:
    moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
