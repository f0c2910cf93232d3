"""Answers that wait for the disk, and share the wait. The disk is real; when it is done is not."""

from __future__ import annotations

import asyncio
import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from interlock.journal import segments
from interlock.journal.reading import Reader
from interlock.serve import table
from interlock.serve.app import App
from interlock.serve.doors import Plain, Reply
from interlock.serve.journal import Journal
from interlock.serve.metrics import Recorder
from interlock.serve.request import Headers
from interlock.serve.served import Served
from interlock.settings import Settings

BODY = json.dumps({"beat": [0.5] * 8}).encode()


class Bench:
    """A worker's application without its sockets; every record has to reach the disk."""

    def __init__(self, package: Path, home: Path) -> None:
        segments.folder(home / "journal").mkdir(parents=True)
        settings = Settings(home=home, engine="inline", journal_sync="always")
        recorder = Recorder(home, 0)
        self.journal = Journal(settings, 0, recorder)
        self.app = App(settings, recorder, None, self.journal)
        self.door = Plain(Served(table.describe(package), settings, recorder))
        self.replies: asyncio.Queue[Reply] = asyncio.Queue()
        self.home = home

    def ask(self, body: bytes = BODY) -> None:
        assert self.app.ask(self.door, Headers(), body, self.replies.put_nowait) is None

    def records(self) -> int:
        return sum(
            len(Reader(segment.path).read(0, 10**6).records)
            for segment in segments.listed(self.home / "journal")
        )

    async def replied(self, count: int) -> list[int]:
        """Status codes of the next replies."""
        async with asyncio.timeout(10):
            return [(await self.replies.get()).status for _ in range(count)]


class Disk:
    """Holds the disk up until `free`; counts how often it was asked."""

    def __init__(self) -> None:
        self.asked = 0
        self.free = threading.Event()
        self.error: OSError | None = None
        self._real = os.fdatasync

    def fdatasync(self, file: int) -> None:
        self.asked += 1
        assert self.free.wait(10)
        if self.error:
            raise self.error
        self._real(file)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    disk = Disk()
    monkeypatch.setattr(os, "fdatasync", disk.fdatasync)
    return disk


@pytest.fixture
def bench(disk: Disk, beat_package: Path, tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(beat_package, tmp_path)
    yield bench
    disk.free.set()
    bench.journal.close()


def test_answers_wait_for_the_disk_and_share_it(bench: Bench, disk: Disk) -> None:
    """The first is on its way to the disk; the ten that come meanwhile go there together."""

    async def run() -> None:
        bench.ask()
        await asyncio.sleep(0.05)
        for _ in range(5):
            bench.ask()
            bench.ask()
            await asyncio.sleep(0.01)
        assert bench.replies.empty()
        assert (disk.asked, bench.records()) == (1, 11)
        disk.free.set()
        assert await bench.replied(11) == [200] * 11
        assert disk.asked == 2

    asyncio.run(run())


def test_refusals_wait_for_nothing(bench: Bench, disk: Disk) -> None:
    """Nobody loses an answer by them; they are recorded all the same."""

    async def run() -> None:
        bench.ask(b"[]")
        assert bench.replies.get_nowait().status == 400
        assert (disk.asked, bench.records()) == (0, 1)

    asyncio.run(run())


def test_what_the_disk_did_not_take_is_refused(bench: Bench, disk: Disk) -> None:
    """503 for those who waited; the next one goes to another segment, and is answered."""

    async def run() -> None:
        disk.error = OSError(5, "Input/output error")
        disk.free.set()
        bench.ask()
        bench.ask()
        assert await bench.replied(2) == [503, 503]
        disk.error = None
        bench.ask()
        assert await bench.replied(1) == [200]
        assert len(segments.listed(bench.home / "journal")) == 2

    asyncio.run(run())
