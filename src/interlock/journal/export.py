"""Predictions as a file for other programs: JSON lines, CSV or Parquet, by the file's name."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

from interlock import private
from interlock.errors import ConfigurationError, JournalError
from interlock.journal.prediction import Prediction

_COLUMNS = tuple(field.name for field in msgspec.structs.fields(Prediction))
_BATCH = 5000  # predictions that are in memory at a time


def write(path: Path, predictions: Iterable[Prediction]) -> int:
    """Write `predictions` to `path`, which has its name only once it is whole; returns how many.

    Inputs, answer and flags are nested in JSON lines, and JSON texts in CSV and Parquet.

    Raises
    ------
    ConfigurationError
        When the name ends otherwise than in .jsonl, .csv or .parquet, or a library is missing.
    JournalError
        When the file cannot be written.
    """
    form = FORMS.get(path.suffix)
    if form is None:
        raise ConfigurationError(f"{path}: name a file that ends in {', '.join(FORMS)}")
    draft = path.with_name(f".{path.name}.draft")
    try:
        private.file(draft)
        count = form(draft, predictions)
        draft.replace(path)
    except OSError as error:
        raise JournalError(f"{path} cannot be written: {error.strerror or error}") from error
    finally:
        draft.unlink(missing_ok=True)
    return count


def _jsonl(path: Path, predictions: Iterable[Prediction]) -> int:
    count = 0
    with path.open("wb") as file:
        for count, prediction in enumerate(predictions, start=1):  # noqa: B007
            file.write(msgspec.json.encode(prediction) + b"\n")
    return count


def _csv(path: Path, predictions: Iterable[Prediction]) -> int:
    count = 0
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, _COLUMNS)
        writer.writeheader()
        for count, prediction in enumerate(predictions, start=1):  # noqa: B007
            writer.writerow(_flat(prediction))
    return count


def _parquet(path: Path, predictions: Iterable[Prediction]) -> int:
    try:
        import pyarrow as pa  # noqa: PLC0415 - an extra
        import pyarrow.parquet as pq  # noqa: PLC0415
    except ImportError:
        raise ConfigurationError(
            "Parquet files need pyarrow: pip install 'interlock[parquet]'"
        ) from None
    kinds = {"latency": pa.float64(), "score": pa.float64(), "sealed": pa.bool_()}
    kinds |= {"time": pa.timestamp("us", tz="UTC")}
    schema = pa.schema([(name, kinds.get(name, pa.string())) for name in _COLUMNS])
    remaining, count = iter(predictions), 0
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        while lines := [_timed(one) for one in islice(remaining, _BATCH)]:
            writer.write_table(pa.Table.from_pylist(lines, schema))
            count += len(lines)
    return count


def _timed(prediction: Prediction) -> dict[str, Any]:
    return {**_flat(prediction), "time": datetime.fromisoformat(prediction.time)}


def _flat(prediction: Prediction) -> dict[str, Any]:
    line = msgspec.structs.asdict(prediction)
    for name in ("inputs", "answer", "flags"):
        if line[name] is not None:
            line[name] = msgspec.json.encode(line[name]).decode()
    return line


FORMS: dict[str, Callable[[Path, Iterable[Prediction]], int]] = {
    ".jsonl": _jsonl,
    ".csv": _csv,
    ".parquet": _parquet,
}
"""What writes a file, by how its name ends."""
