"""Labels in files and in answers of other databases, row by row."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

import msgspec

from interlock.errors import ConfigurationError, RequestError
from interlock.journal import labels
from interlock.journal.labels import Given
from interlock.state import database

COLUMNS = tuple(field.name for field in msgspec.structs.fields(Given))

_TOGETHER = 1000


class Found(NamedTuple):
    """A label and where it stood, for whoever has to correct it."""

    where: str
    given: Given


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
    except RecursionError:
        raise ConfigurationError(f"{path} cannot be read: it is nested too deeply") from None


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
            # As it is written: a colon or a percent sign in a text stands for nothing else.
            plain = connection.execution_options(no_parameters=True)
            rows = plain.exec_driver_sql(query)
            if not rows.returns_rows:
                raise ConfigurationError("the query answers no rows; nothing was changed")
            for number, row in enumerate(rows, 1):
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
    for name in ("prediction_id", "key", "source"):  # as databases and files have them
        if isinstance(values.get(name), int | Decimal | UUID):
            values[name] = str(values[name])
    given = msgspec.convert(values, Given)
    try:
        labels.check_time(given, datetime.now(UTC))
    except RequestError as error:
        raise ValueError(str(error)) from None
    return given


def _found(where: str, row: Mapping[str, Any]) -> Found:
    try:
        return Found(where, read(row))
    except ValueError as error:
        raise ConfigurationError(f"{where}: {error}") from None


def _csv(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        names = list(reader.fieldnames or ())
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ConfigurationError(f"{path} has several columns {', '.join(twice)}; keep one")
        for row in reader:
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
                yield from batch.cast(_readable(batch.schema), safe=False).to_pylist()
    except ArrowInvalid as error:
        raise ConfigurationError(f"{path} cannot be read: {error}") from error


def _readable(schema: Any) -> Any:
    """`schema` with times in microseconds: what Python has, and pandas writes nanoseconds."""
    import pyarrow as pa  # noqa: PLC0415 - an extra

    fields = (
        field.with_type(pa.timestamp("us", field.type.tz))
        if pa.types.is_timestamp(field.type)
        else field
        for field in schema
    )
    return pa.schema(list(fields))


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
