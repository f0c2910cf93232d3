"""The ledger: what callers were told, held against what the journal says of it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

import sqlalchemy as sa

from interlock.demo.tally import Tally
from interlock.state.tables import LABELS, PREDICTIONS
from interlock.state.traffic import SHADOW

_PATIENCE = 10.0  # seconds that the shipper may take for the last rows


class Ledger(NamedTuple):
    """How many rows of each (version, arm) the journal holds, and how many labels; which answers of
    the ward are `missing` there, or stand there as another version's.
    """

    rows: dict[tuple[str, str], int]
    labels: int
    missing: int

    def lines(self, tally: Tally) -> Iterator[str]:
        """What there is to say."""
        yield tally.sentence()
        wrong = f"{self.missing:,} of them are not" if self.missing else "each is"
        yield f"in the journal: {wrong} there, with the version that gave it"
        for (version, arm), number in self.rows.items():
            nobody = ", which nobody got" if arm == SHADOW else ""
            yield f"  {version}  {arm:9} {number:7,} answers{nobody}"
        yield f"{self.labels:,} labels came"


def read(engine: sa.Engine, tally: Tally) -> Ledger:
    """The ledger, once all that the ward knows of has been shipped, or time is up."""
    tally.look()
    until = time.monotonic() + _PATIENCE
    found = _read(engine, tally)
    while found.missing and time.monotonic() < until:
        time.sleep(0.5)
        found = _read(engine, tally)
    return found


def _read(engine: sa.Engine, tally: Tally) -> Ledger:
    table = PREDICTIONS.c
    with engine.connect() as connection:
        rows = connection.execute(sa.select(table.id, table.version, table.arm)).all()
        labels = connection.scalar(sa.select(sa.func.count()).select_from(LABELS))
    kept = {row.id: row.version for row in rows}
    counts = Counter((row.version, row.arm) for row in rows)
    missing = sum(kept.get(one) != version for one, version in tally.versions.items())
    return Ledger(dict(sorted(counts.items())), int(labels or 0), missing)
