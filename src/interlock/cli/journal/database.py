"""The journal's database, open for one command, and the words that say which predictions."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from typing import Annotated, NamedTuple

import sqlalchemy as sa
import typer

from interlock import settings
from interlock.errors import ConfigurationError
from interlock.journal import audit, seal
from interlock.journal.hashing import Hasher
from interlock.journal.prediction import Prediction, shown
from interlock.journal.seal import Opener
from interlock.registry import moment
from interlock.settings import Settings
from interlock.state import schema
from interlock.state.predictions import Row, Wanted

Deployment = Annotated[str | None, typer.Option(help="Only of this deployment.")]
Version = Annotated[str | None, typer.Option(help="Only by this version.")]
Since = Annotated[str | None, typer.Option(metavar="TIME", help="Only from then on (UTC).")]
Until = Annotated[str | None, typer.Option(metavar="TIME", help="Only before then (UTC).")]
Key = Annotated[str | None, typer.Option(help="Only of this routing key.")]
Subject = Annotated[str | None, typer.Option(help="Only about this subject.")]

MANY = 1_000_000_000
"""Rows that nobody has: the highest limit that a command takes."""
AGES = 1e10
"""Seconds, some three hundred years: the longest time that a command takes."""


class Opened(NamedTuple):
    """A connection, and what opens sealed payloads as far as keys are at hand."""

    settings: Settings
    engine: sa.Engine
    connection: sa.Connection
    opener: Opener

    def record(self, act: str, about: str) -> None:
        """Put on record that keys are used to read, where there are any."""
        if not isinstance(self.opener, seal.Clear):
            audit.record(self.settings, act, about)

    def show(self, row: Row) -> Prediction:
        return shown(row, self.opener)


@contextmanager
def opened() -> Iterator[Opened]:
    """The database that the settings name, whose tables must be those of this release."""
    current = settings.read()
    with (
        schema.opened(current) as engine,
        closing(seal.opener(current)) as opener,
        engine.connect() as connection,
    ):
        yield Opened(current, engine, connection, opener)


def wanted(
    current: Settings,
    *,
    deployment: str | None = None,
    version: str | None = None,
    since: str | None = None,
    until: str | None = None,
    key: str | None = None,
    subject: str | None = None,
) -> Wanted:
    """What the options of a command ask for. Keys and subjects are found by their hashes."""
    hasher = Hasher(current) if key is not None or subject is not None else None
    return Wanted(
        deployment=deployment,
        version=version,
        since=micros(since),
        until=micros(until),
        key=hasher.hash(key, "key") if hasher and key is not None else None,
        subject=hasher.hash(subject, "subject") if hasher and subject is not None else None,
    )


def micros(written: str | None) -> int | None:
    """A time as it is typed, in microseconds since 1970."""
    if written is None:
        return None
    try:
        return round(datetime.fromisoformat(moment.parse(written)).timestamp() * 1e6)
    except OverflowError:
        raise ConfigurationError(f"{written!r} is beyond the years that a calendar has") from None
