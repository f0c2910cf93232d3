"""Labels that do not come over HTTP, into the database."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec
import sqlalchemy as sa
from uuid_utils import uuid7

from interlock.errors import ConfigurationError, RequestError
from interlock.journal import labels, outcomes, payload, seal, ties
from interlock.journal.hashing import Hasher
from interlock.journal.labels import Given, Truth
from interlock.journal.sources import Found
from interlock.settings import Settings
from interlock.state import labels as kept
from interlock.state.labels import About, Row

_TOGETHER = 1000


class Taken(msgspec.Struct):
    """What became of labels. Those `waiting` are among the added: their predictions are not here.

    `unchanged` said what was known already.
    """

    added: int = 0
    unchanged: int = 0
    waiting: int = 0


class _Held(NamedTuple):
    """What is known already: None as the truth is one that cannot be opened."""

    truth: Truth | None
    source: str
    received: int


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
            about = [self._about(connection, one.given) for one in found]
            answers = {row.id: row for row in kept.answers(connection, _named(about))}
            holding = self._holding(connection, about)
        rows = []
        for one, whom in zip(found, about, strict=True):
            answer = answers.get(whom.prediction or "")
            truth = one.given.label if answer is None else self._fitting(one, answer)
            before = holding.get(whom)
            if before is not None and (before.truth, before.source) == (truth, one.given.source):
                self.taken.unchanged += 1
                continue
            # What holds now may be from a clock that is ahead; this is its correction all the same.
            now = max(time.time_ns() // 1000, before.received + 1 if before else 0)
            holding[whom] = _Held(truth, one.given.source, now)
            self.taken.waiting += answer is None
            rows.append(self._row(one.given, truth, whom, answer, now))
        with self._engine.begin() as connection:
            kept.insert(connection, rows)
        self.taken.added += len(rows)

    def _about(self, connection: sa.Connection, given: Given) -> About:
        """What a label is about, as far as that can be told by now."""
        if given.prediction_id is not None:
            return About(given.prediction_id.lower())
        assert given.key is not None and given.time is not None  # noqa: S101, PT018 - `Given` says so
        key, at = self._hasher.hash(given.key, "key"), labels.micros(given.time)
        return kept.about(connection, key, at, given.deployment)

    def _holding(self, connection: sa.Connection, about: Sequence[About]) -> dict[About, _Held]:
        """What holds already, opened."""
        return {
            whom: _Held(self._value(row), row.source, row.received)
            for whom, row in kept.holding(connection, about).items()
        }

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
        self, given: Given, truth: Truth, about: About, answer: Row | None, now: int
    ) -> dict[str, Any]:
        label = str(uuid7())
        whom = seal.interim(label) if answer is None else answer.subject
        value, key_id = self._sealer.seal(whom, label, labels.packed(truth))
        return {
            "id": label,
            "prediction": about.prediction,
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


def _named(about: Sequence[About]) -> list[str]:
    return [whom.prediction for whom in about if whom.prediction is not None]
