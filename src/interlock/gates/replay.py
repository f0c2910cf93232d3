"""Rows sent to a real server again, and its answers held against offline scoring of the same rows.

Both run the same graph in the same engine, so answers are the same to the last bit as long as the
engine is given the same rows together. Given other rows together (one by one here, many there) a
matrix product may add its terms in another order, and the last bits of a float32 may differ. That
is why rows sent one by one are held against offline scoring one by one, and batches against the
same batches; how far the two are apart is shown, and judged by nobody.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from interlock.data import score
from interlock.data.rows import Rows
from interlock.engine.session import Feed
from interlock.errors import EvidenceError, RequestError, ServerError
from interlock.gates import agreement
from interlock.gates.caller import Arrays, Caller
from interlock.gates.step import Step, judged
from interlock.package import Package
from interlock.package.golden import record
from interlock.signature.records import Decoder
from interlock.signature.schema import output_names

BATCH = 32
"""Rows of a batch."""


@dataclass(frozen=True)
class Subject:
    """Rows that a package accepts, and what it answers to them offline.

    Parameters
    ----------
    rows, feed
        Those that the signature accepts, and what the graph is fed for them.
    alone, together
        Outputs to them, one by one and `BATCH` at a time.
    refused
        What the graph would be fed for each of the other rows.
    """

    package: Package
    rows: Rows
    feed: Feed
    alone: Arrays
    together: Arrays
    refused: list[Feed]

    @classmethod
    def of(cls, package: Package, rows: Rows) -> Subject:
        """The subject that `rows` make for `package`.

        Raises
        ------
        EvidenceError
            When the signature accepts none of them.
        """
        every = rows.feed(package.signature)
        accepted = np.array([*_accepted(package, every, len(rows))], bool)
        if not accepted.any():
            raise EvidenceError(f"the signature accepts none of the {len(rows)} staging rows")
        taken = rows.take(np.flatnonzero(accepted))
        return cls(
            package=package,
            rows=taken,
            feed={name: values[accepted] for name, values in every.items()},
            alone=score.answers(package, taken, batch=1),
            together=score.answers(package, taken, batch=BATCH),
            refused=[_part(every, row, 1) for row in np.flatnonzero(~accepted).tolist()],
        )


class Heard(NamedTuple):
    """What a server answered to a subject, and how many of its refused rows it refused."""

    alone: Arrays
    together: Arrays
    refused: int


def hear(url: str, subject: Subject) -> Heard:
    """Send the rows of `subject` one by one and in batches to the server at `url`, in V2 binary.

    Raises
    ------
    ServerError
        When a row that the signature accepts is not answered; names it.
    """
    with Caller(url, subject.package) as server:
        return Heard(
            alone=_answers(server, subject, 1),
            together=_answers(server, subject, BATCH),
            refused=sum(server.send("V2 binary", feed).status == 400 for feed in subject.refused),
        )


def judge(subject: Subject, heard: Heard, tolerance: float) -> Step:
    """Whether a server's answers are those of offline scoring, within `tolerance`."""
    ways = {
        "one by one": (heard.alone, subject.alone),
        f"{BATCH} at a time": (heard.together, subject.together),
    }
    output = subject.package.signature.output
    apart = {way: agreement.differences(output, *pair) for way, pair in ways.items()}
    troubles = [
        _complaint(subject, way, ways[way], found, tolerance)
        for way, found in apart.items()
        if (found > tolerance).any()
    ]
    if heard.refused < len(subject.refused):
        taken = len(subject.refused) - heard.refused
        troubles.append(f"The server took {taken} rows that its signature refuses.")
    between = agreement.differences(output, subject.together, subject.alone).max()
    return judged(
        "replay",
        troubles,
        _praise(subject, max(found.max() for found in apart.values()), tolerance),
        figures={
            "rows": len(subject.rows),
            "refused": len(subject.refused),
            "tolerance": tolerance,
            **{f"largest difference, {way}": _shown(found.max()) for way, found in apart.items()},
            "offline, alone or in a batch": _shown(between),
        },
    )


def _accepted(package: Package, feed: Feed, rows: int) -> Iterator[bool]:
    """For each row, whether the plain door would take it; what it takes, all doors take."""
    decoder = Decoder(package.signature)
    for row in range(rows):
        try:
            decoder.decode(msgspec.json.encode(record(package.signature, feed, row)))
        except RequestError:
            yield False
        else:
            yield True


def _part(feed: Feed, start: int, size: int) -> Feed:
    return {name: values[start : start + size] for name, values in feed.items()}


def _answers(server: Caller, subject: Subject, size: int) -> Arrays:
    parts = []
    for start in range(0, len(subject.rows), size):
        try:
            parts.append(server.ask("V2 binary", _part(subject.feed, start, size)).outputs)
        except ServerError as error:
            raise ServerError(f"row {subject.rows.index[start]} of the data: {error}") from error
    names = output_names(subject.package.signature.output)
    return {name: np.concatenate([part[name] for part in parts]) for name in names}


def _complaint(
    subject: Subject,
    way: str,
    pair: tuple[Arrays, Arrays],
    apart: NDArray[np.float64],
    tolerance: float,
) -> str:
    beyond = np.flatnonzero(apart > tolerance)
    row = int(beyond[0])
    got, expected = (agreement.told(outputs, row) for outputs in pair)
    return (
        f"Sent {way}, {len(beyond)} of {len(apart)} rows are answered differently than offline:"
        f" first row {subject.rows.index[row]} of the data, {got} instead of {expected}"
        f" (difference {apart[row]:.3g}, tolerance {tolerance:g})."
    )


def _praise(subject: Subject, largest: float, tolerance: float) -> str:
    how = "bit for bit" if largest == 0 else f"within {tolerance:g} (at most {largest:.2g} apart)"
    refused = len(subject.refused)
    others = f" The {refused} rows that the signature refuses were refused." if refused else ""
    return (
        f"{len(subject.rows)} staging rows, sent one by one and {BATCH} at a time, are answered as"
        f" offline scoring does, {how}.{others}"
    )


def _shown(difference: float) -> float | str:
    """JSON has no infinity."""
    return float(difference) if np.isfinite(difference) else "another label"
