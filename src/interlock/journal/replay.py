"""Replay: recorded requests before another package, and its answers beside the recorded ones.

The offline twin of a shadow: what would have been answered, had that package been live.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, NamedTuple

import msgspec
import numpy as np

from interlock.engine import Session
from interlock.errors import ConfigurationError, RequestError
from interlock.journal import payload, redaction
from interlock.journal.seal import Opener
from interlock.package import Package
from interlock.signature import answers
from interlock.signature.records import Decoder
from interlock.state.predictions import Row

BATCH = 256
"""Rows that are put before the model together."""


class Change(msgspec.Struct, frozen=True):
    """How many rows were answered `recorded` and would now be answered `replayed`."""

    recorded: str
    replayed: str
    rows: int


class Replay(msgspec.Struct, frozen=True, kw_only=True):
    """How a package answers what was asked before.

    Parameters
    ----------
    package, digest
        Which one it was.
    rows
        Recorded rows that were looked at.
    replayed
        Those that the package answered; they, `refused` and `sealed` add up to `rows`.
    refused, sealed
        Those that its signature refuses, and those that cannot be opened.
    refusal
        The first refusal, in words.
    equal
        Share of the replayed rows whose answer is the same: the label for classes, else every
        number to within `tolerance`.
    largest_difference
        Of probabilities; of other numbers relative to 1 plus the recorded one. Where labels differ
        their probabilities still count.
    changes
        Labels that changed, the most frequent first.
    versions
        Rows that were replayed, by the version that had answered them.
    """

    package: str
    digest: str
    rows: int
    replayed: int
    refused: int
    sealed: int
    refusal: str
    equal: float | None
    tolerance: float
    largest_difference: float | None
    changes: tuple[Change, ...]
    versions: dict[str, int]


def replay(
    package: Package, rows: Iterable[Row], opener: Opener, *, tolerance: float = 1e-4
) -> Replay:
    """Put recorded `rows` before `package`. Those of shadows are passed over: they ask nothing new.

    Raises
    ------
    ConfigurationError
        When recorded answers are of another kind than the package's, such as numbers and classes;
        or when it takes inputs that are never recorded.
    EngineError
        When the package fails on a row.
    """
    player = _Player(package, opener, tolerance)
    waiting = (row for row in rows if row.primary_id is None)
    while batch := list(islice(waiting, BATCH)):
        player.take(batch)
    return player.result()


class _Asked(NamedTuple):
    """A recorded row that the package accepts: what the graph is fed, what was answered."""

    feed: dict[str, np.ndarray[Any, Any]]
    answer: dict[str, Any]
    version: str


class _Player:
    """Goes through recorded rows, batch by batch, and counts."""

    def __init__(self, package: Package, opener: Opener, tolerance: float) -> None:
        _refuse_redacted(package)
        self._package = package
        self._opener = opener
        self._tolerance = tolerance
        self._decoder = Decoder(package.signature)
        self._session = Session(package.graph_path, package.signature)
        self._read = answers.reader(package.signature.output)
        self._counts: Counter[str] = Counter()
        self._changes: Counter[tuple[str, str]] = Counter()
        self._versions: Counter[str] = Counter()
        self._largest = 0.0
        self._refusal = ""

    def take(self, rows: list[Row]) -> None:
        self._counts["rows"] += len(rows)
        asked = list(self._asked(rows))
        if not asked:
            return
        names = asked[0].feed
        feed = {name: np.concatenate([one.feed[name] for one in asked]) for name in names}
        replayed = self._read(self._session.run(feed))
        for one, answer in zip(asked, replayed, strict=True):
            self._compare(one, answer)

    def result(self) -> Replay:
        replayed = self._counts["replayed"]
        changes = (Change(*pair, count) for pair, count in self._changes.most_common())
        return Replay(
            package=f"{self._package.name} {self._package.version}",
            digest=self._package.digest,
            rows=self._counts["rows"],
            replayed=replayed,
            refused=self._counts["refused"],
            sealed=self._counts["sealed"],
            refusal=self._refusal,
            equal=self._counts["equal"] / replayed if replayed else None,
            tolerance=self._tolerance,
            largest_difference=self._largest if replayed else None,
            changes=tuple(changes),
            versions=dict(self._versions),
        )

    def _asked(self, rows: list[Row]) -> Iterator[_Asked]:
        for row in rows:
            stored = self._opener.open(row.seal, row.id, row.payload)
            if stored is None:
                self._counts["sealed"] += 1
                continue
            try:
                feed = self._decoder.decode(msgspec.json.encode(payload.record(stored))).feed
            except RequestError as error:
                self._counts["refused"] += 1
                self._refusal = self._refusal or _words(error)
            else:
                yield _Asked(feed, payload.read(stored).answer, row.version)

    def _compare(self, asked: _Asked, answer: dict[str, Any]) -> None:
        difference = _difference(asked, answer)
        same = difference <= self._tolerance
        if "label" in answer:
            pair = str(asked.answer["label"]), str(answer["label"])
            same = pair[0] == pair[1]
            if not same:
                self._changes[pair] += 1
        self._counts["replayed"] += 1
        self._counts["equal"] += same
        self._versions[asked.version] += 1
        self._largest = max(self._largest, difference)


def _difference(asked: _Asked, answer: dict[str, Any]) -> float:
    """How far two answers are apart, as `Replay.largest_difference` says.

    >>> _difference(_Asked({}, {"value": 1.0}, "1.0.0"), {"value": 2.0})
    0.5
    """
    recorded = asked.answer
    for numbers, scaled in (("probabilities", False), ("values", True)):
        if numbers in answer and numbers in recorded:
            return _apart(recorded[numbers], answer[numbers], scaled=scaled)
    if "value" in answer and "value" in recorded:
        return _apart({"": recorded["value"]}, {"": answer["value"]}, scaled=True)
    raise ConfigurationError(
        f"version {asked.version} answered with {', '.join(recorded)}, and this package answers"
        f" with {', '.join(answer)}: there is nothing to compare"
    )


def _apart(recorded: dict[str, float], replayed: dict[str, float], *, scaled: bool) -> float:
    """What only one of the two has, counts as 0 in the other."""
    pairs = ((recorded.get(name, 0.0), replayed.get(name, 0.0)) for name in recorded | replayed)
    return max(abs(one - other) / (1 + abs(one) if scaled else 1) for one, other in pairs)


def _refuse_redacted(package: Package) -> None:
    """What was not recorded cannot be replayed, and a hash is no input."""
    hidden = [
        field.name
        for field in package.signature.inputs
        if redaction.manner(field, package.manifest.subject)
    ]
    if hidden:
        raise ConfigurationError(
            f"{package.name} {package.version} takes {', '.join(hidden)}, which is not on record:"
            " it is sensitive, or says whom a record is about"
        )


def _words(error: RequestError) -> str:
    said = f"{error.message} at {error.path}" if error.path else error.message
    return f"{said}; expected {error.expected}, got {error.got}" if error.expected else said
