"""What is on record, held against what clients received."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from collections.abc import Set as AbstractSet

import msgspec
import sqlalchemy as sa

from interlock.journal import payload
from interlock.settings import Settings
from interlock.state import database
from interlock.state.tables import LABELS, PREDICTIONS


class Recorded(msgspec.Struct):
    """Rows in SQL: every (id, number of the row), and the predictions that labels name."""

    rows: list[tuple[str, int]]
    labels: list[str]


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """`answered` rows and `labelled` ones reached a client; `unseen` were recorded, but their
    answers were cut off on the way.

    `lost` and `doubled` count rows, `mixed` those whose record is that of another row.
    """

    answered: int
    lost: int
    doubled: int
    mixed: int
    unseen: int
    labelled: int
    labels_lost: int
    labels_doubled: int

    @property
    def good(self) -> bool:
        bad = (self.lost, self.doubled, self.mixed, self.labels_lost, self.labels_doubled)
        return self.answered > 0 and self.labelled > 0 and not any(bad)


def recorded(settings: Settings) -> Recorded:
    """All that is in the database of `settings`."""
    engine = database.connect(settings)
    with engine.connect() as connection:
        stored = connection.execute(sa.select(PREDICTIONS.c.id, PREDICTIONS.c.payload))
        rows = [(row.id, _number(row.payload)) for row in stored]
        labels = list(connection.scalars(sa.select(LABELS.c.prediction)))
    engine.dispose()
    return Recorded(rows, labels)


def judge(received: Mapping[str, int], labelled: AbstractSet[str], found: Recorded) -> Verdict:
    """Every row that a client received is there, once, as the client sent it; so are its labels.

    As no request is sent twice, a number that is there twice was recorded twice.
    """
    ids, numbers = Counter(name for name, _ in found.rows), Counter(n for _, n in found.rows)
    named, labels = dict(found.rows), Counter(found.labels)
    return Verdict(
        answered=len(received),
        lost=sum(name not in named for name in received),
        doubled=max(_repeats(ids), _repeats(numbers)),
        mixed=sum(named.get(name, number) != number for name, number in received.items()),
        unseen=len(named.keys() - received.keys()),
        labelled=len(labelled),
        labels_lost=sum(name not in labels for name in labelled),
        labels_doubled=_repeats(labels),
    )


def _repeats(counted: Counter[str] | Counter[int]) -> int:
    return sum(times - 1 for times in counted.values())


def _number(stored: bytes) -> int:
    return int(payload.read(stored).inputs["beat"][0])
