"""Whether the shipper keeps up: records of 140 floats into SQLite and PostgreSQL, memory watched.

    .venv/bin/python benchmarks/shipping.py --records 1000000 --json shipping.json

A writer puts records into the spool at a fixed rate, as two workers would; a shipper in a process
of its own moves them. Then it is started on a backlog, to see how fast it is when it has to be. It
ends with 1 when a bar is missed: every record in SQL once, never more than two seconds behind, and
no more memory at the end than after the first quarter. PostgreSQL is the server that
INTERLOCK_TEST_POSTGRES names (`.ci/services` starts one); without it, only SQLite is measured.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated
from uuid import uuid4

import msgspec
import numpy as np
import sqlalchemy as sa
import typer
from harness.bars import Bar
from harness.process import memory
from rich.console import Console
from rich.table import Table
from uuid_utils import uuid7

from interlock.journal import segments, status
from interlock.journal.payload import Writer
from interlock.journal.record import Answer, Row, frame
from interlock.journal.spool import Spool
from interlock.settings import Settings
from interlock.signature import Classes, Signature, Tensor
from interlock.state import database
from interlock.state.tables import PREDICTIONS

RATE = 5000
BEHIND = 2.0  # seconds
GROWTH = 16.0  # MB
SERVER = "INTERLOCK_TEST_POSTGRES"

_TURN = 0.01  # seconds between two writes, of one worker and the other by turns
_SIGNATURE = Signature(
    inputs=(Tensor(name="beat", shape=(140,)),), output=Classes(labels=("normal", "r-on-t"))
)


class Seen(msgspec.Struct):
    """What came of one run into one database. Rates are records a second."""

    database: str
    records: int
    kept: int
    rate: float
    behind: float
    core: float
    early: float
    late: float
    backlog: float

    def bars(self) -> list[Bar]:
        """What is demanded of it."""
        where = f"{self.database}: "
        return [
            Bar(where + "records lost or doubled", abs(self.records - self.kept), 0, False, ""),
            Bar(where + "records a second", self.rate, RATE * 0.98, True, "/s"),
            Bar(where + "furthest behind", self.behind, BEHIND, False, " s"),
            Bar(where + "memory grew by", self.late - self.early, GROWTH, False, " MB"),
        ]


class Records:
    """Answers about one heartbeat each, as the server makes them."""

    def __init__(self) -> None:
        self._writer = Writer(_SIGNATURE)
        self._beats = np.random.default_rng(7).normal(size=(64, 140)).astype(np.float32)
        self._said = {"label": "normal", "confidence": 0.9}
        self._made = 0

    def take(self, count: int) -> list[bytes]:
        """Frames of that many."""
        return [self._frame() for _ in range(count)]

    def _frame(self) -> bytes:
        self._made += 1
        feed = {"beat": self._beats[None, self._made % 64]}
        (payload,) = self._writer.rows(feed, [self._said], None)
        row = Row(str(uuid7()), payload)
        moment = time.time_ns() // 1000
        return frame(Answer(moment, "ecg", "1.0.0", "live", "plain", 0.001, [row], os.urandom(16)))


class Shipper:
    """The shipper of one journal, as a server starts it, and what it takes."""

    def __init__(self, settings: Settings) -> None:
        said = {"INTERLOCK_HOME": str(settings.home), "INTERLOCK_DATABASE": settings.database or ""}
        command = [sys.executable, "-m", "interlock.journal"]
        self._settings = settings
        self.process = subprocess.Popen(command, env={**os.environ, **said})

    def behind(self) -> float:
        """Seconds since the oldest record came that is not in the database."""
        seen = status.read(self._settings.spool())
        return seen.sinks[0].lag_seconds if seen else 0.0

    def resident(self) -> float:
        """Memory in MB."""
        return memory([self.process.pid]).resident / 1e6

    def processor(self) -> float:
        """Seconds of processor time that it has taken."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def stop(self) -> None:
        """Have it ship what is left, and end."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()


def main(
    records: Annotated[int, typer.Option(min=1000, help="Records into each database.")] = 100_000,
    rate: Annotated[int, typer.Option(min=100, help="Records a second.")] = RATE,
    json: Annotated[Path | None, typer.Option(help="Write the figures to this file.")] = None,
) -> None:
    """Write, ship, watch; print a table, and demand that all bars are met."""
    console = Console()
    seen = [measure(kind, records, rate) for kind in kinds(console)]
    show(console, seen)
    bars = [bar for one in seen for bar in one.bars()]
    for bar in bars:
        word = "met" if bar.met else "[red]missed[/red]"
        bound = "at least" if bar.at_least else "at most"
        console.print(f"{bar.name}: {bar.seen:,.1f}{bar.unit}, {bound} {bar.demand:g}: {word}")
    if json:
        told = [{"met": bar.met, **msgspec.structs.asdict(bar)} for bar in bars]
        said = {"rate": rate, "seen": seen, "bars": told}
        json.write_bytes(msgspec.json.format(msgspec.json.encode(said)))
    if not all(bar.met for bar in bars):
        sys.exit(1)


def kinds(console: Console) -> list[str]:
    """Databases that can be measured here."""
    if SERVER in os.environ:
        return ["SQLite", "PostgreSQL"]
    console.print(f"{SERVER} is not set: PostgreSQL is left out")
    return ["SQLite"]


def measure(kind: str, records: int, rate: int) -> Seen:
    """One run at a rate, and one on a backlog."""
    with journal(kind) as settings:
        seen = steady(kind, settings, records, rate)
        seen.kept = count(settings)
    with journal(kind) as settings:
        seen.backlog = backlog(settings, min(records, 200_000))
    return seen


def steady(kind: str, settings: Settings, records: int, rate: int) -> Seen:
    """Write at `rate` while the shipper is at work; look at it every second."""
    shipper = Shipper(settings)
    wait(lambda: status.read(settings.spool()) is not None)
    begun, used = time.monotonic(), shipper.processor()
    looks = [
        (written, shipper.resident(), shipper.behind())
        for written in writing(settings, records, rate)
    ]
    took, used = time.monotonic() - begun, shipper.processor() - used
    wait(lambda: segments.size(settings.spool()) == 0)
    shipper.stop()
    quarter = [held for written, held, _ in looks if written <= records / 4]
    return Seen(
        database=kind,
        records=records,
        kept=0,
        rate=records / took,
        behind=max(lag for *_, lag in looks),
        core=used / took,
        early=max(quarter, default=looks[0][1]),
        late=max(held for written, held, _ in looks if written > records * 3 / 4),
        backlog=0.0,
    )


def writing(settings: Settings, records: int, rate: int) -> Iterator[int]:
    """Write as two workers would; yields how many were written, every second and at the end."""
    spools = [Spool(settings.spool(), slot, settings) for slot in range(2)]
    source, written, begun, told = Records(), 0, time.monotonic(), 0.0
    while written < records:
        elapsed = time.monotonic() - begun
        due = min(records, int(elapsed * rate)) - written
        if due > 0:
            spool = spools[int(elapsed / _TURN) % 2]
            spool.append(source.take(due))
            spool.commit()
            written += due
        if elapsed > told + 1:
            told = elapsed
            for spool in spools:
                spool.tick()
            yield written
        time.sleep(_TURN)
    for spool in spools:
        spool.close()
    yield written


def backlog(settings: Settings, records: int) -> float:
    """Records a second, when all of them wait already; the start of the process is counted in."""
    for _ in writing(settings, records, 1_000_000):
        pass
    begun = time.monotonic()
    shipper = Shipper(settings)
    wait(lambda: segments.size(settings.spool()) == 0)
    took = time.monotonic() - begun
    shipper.stop()
    return records / took


@contextmanager
def journal(kind: str) -> Iterator[Settings]:
    """A journal and an empty database of its own; nothing is left of them."""
    home = Path(tempfile.mkdtemp(prefix="interlock-shipping-"))
    segments.folder(home / "journal").mkdir(parents=True)
    try:
        if kind == "SQLite":
            yield Settings(home=home, database=f"sqlite:///{home / 'interlock.db'}")
            return
        with postgres() as url:
            yield Settings(home=home, database=url)
    finally:
        shutil.rmtree(home)


@contextmanager
def postgres() -> Iterator[str]:
    """URL of an empty database on the server that the environment names."""
    server = sa.create_engine(os.environ[SERVER], isolation_level="AUTOCOMMIT")
    name = f"shipping_{uuid4().hex}"
    with server.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
        yield server.url.set(database=name).render_as_string(hide_password=False)
        connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")
    server.dispose()


def count(settings: Settings) -> int:
    """Predictions in the database; 0 while there is no table."""
    engine = database.connect(settings)
    try:
        with engine.connect() as connection:
            if not sa.inspect(connection).has_table(PREDICTIONS.name):
                return 0
            counted = sa.select(sa.func.count()).select_from(PREDICTIONS)
            return int(connection.scalar(counted) or 0)
    finally:
        engine.dispose()


def show(console: Console, seen: list[Seen]) -> None:
    """One line a database."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    titles = ("database", "records", "kept", "rate", "behind", "of a core", "memory", "backlog")
    for title in titles:
        table.add_column(title)
    for one in seen:
        held = f"{one.early:.0f} → {one.late:.0f} MB"
        figures = f"{one.rate:,.0f}/s", f"{one.behind:.1f} s", f"{one.core:.0%}", held
        table.add_row(
            one.database, f"{one.records:,}", f"{one.kept:,}", *figures, f"{one.backlog:,.0f}/s"
        )
    console.print(table)


def wait(condition: Callable[[], bool]) -> None:
    """Wait until it is true; ten minutes at most."""
    deadline = time.monotonic() + 600
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("the shipper got nowhere in ten minutes")
        time.sleep(0.05)


if __name__ == "__main__":
    typer.run(main)
