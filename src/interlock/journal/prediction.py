"""A prediction as people and programs are shown it, opened where its key is at hand."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import numpy as np

from interlock.journal import payload
from interlock.journal.payload import Payload
from interlock.journal.seal import Opener
from interlock.journal.sinks.rows import gist
from interlock.registry import moment
from interlock.state.predictions import Row


class Prediction(msgspec.Struct, frozen=True, kw_only=True):
    """One answered row. What it holds is None while it is `sealed`: nobody here has its key.

    `key` and `subject` are keyed hashes in hexadecimal; `primary_id` is what a shadow followed.
    """

    id: str
    time: str
    deployment: str
    version: str
    arm: str
    door: str
    key: str | None
    subject: str | None
    latency: float
    caller: str | None
    sealed: bool
    label: str | None
    score: float | None
    inputs: dict[str, Any] | None
    answer: dict[str, Any] | None
    flags: dict[str, str] | None
    primary_id: str | None


def shown(row: Row, opener: Opener) -> Prediction:
    """The prediction in a row of the database.

    Raises
    ------
    KeyStoreError
        When its payload is not what was sealed.
    """
    data = opener.open(row.seal, row.id, row.payload)
    label, score = (None, None) if data is None else gist(data)
    read = None if data is None else _read(data)
    return Prediction(
        id=row.id,
        time=text(row.moment),
        deployment=row.deployment,
        version=row.version,
        arm=row.arm,
        door=row.door,
        key=_hex(row.key),
        subject=_hex(row.subject),
        latency=row.latency,
        caller=row.caller,
        sealed=data is None,
        label=label,
        score=score,
        inputs=_plain(read.inputs) if read else None,
        answer=read.answer if read else None,
        flags=read.flags if read else None,
        primary_id=row.primary_id,
    )


def text(micros: int) -> str:
    """Microseconds since 1970 as text.

    >>> text(1_500_000)
    '1970-01-01T00:00:01.500000Z'
    """
    try:
        return moment.text(datetime.fromtimestamp(micros / 1e6, UTC))
    except (ValueError, OverflowError, OSError):  # beyond the years that a calendar has
        return f"{micros} µs"


def _read(data: bytes) -> Payload | None:
    try:
        return payload.read(data)
    except msgspec.DecodeError:  # not written by a release that this one knows
        return None


def _plain(inputs: dict[str, Any]) -> dict[str, Any]:
    return {
        name: value.tolist() if isinstance(value, np.ndarray) else value
        for name, value in inputs.items()
    }


def _hex(data: bytes | None) -> str | None:
    return None if data is None else data.hex()
