"""Controllers in processes of their own, whose clock is a file of the test."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, NamedTuple

import sqlalchemy as sa

from interlock.registry import Registry
from interlock.rollout.controller import Controller
from interlock.settings import Settings
from interlock.state import database
from interlock.state.rollouts import Record, Rollouts

# Forks of a process that has imported everything, which takes seconds, and has no thread.
_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(
    [
        "interlock.registry.backend",
        "mlflow.store.model_registry.sqlalchemy_store",
        "mlflow.store.tracking.sqlalchemy_store",
        __name__,
    ]
)


class Site(NamedTuple):
    """Where controllers work: a database, a registry, and a folder for what tests tell them."""

    url: str
    home: Path
    folder: Path

    def tell(self, now: int) -> None:
        """Set the clock."""
        fresh = self.folder / "fresh"
        fresh.write_text(str(now))
        fresh.replace(self.folder / "clock")

    def now(self) -> int:
        return int((self.folder / "clock").read_text())

    @property
    def deaths(self) -> Path:
        """A line for every death: the revision that was to come, and what happened then."""
        return self.folder / "deaths"

    @contextmanager
    def controller(self) -> Iterator[Controller]:
        engine = database.engine(self.url)
        registry = Registry(Settings(home=self.home, actor="bob"))
        yield Controller(engine, registry, now=self.now)
        registry.close()
        engine.dispose()

    @contextmanager
    def looking(self, number: int) -> Iterator[list[BaseProcess]]:
        """So many processes that look all the time, until the block ends."""
        processes = [_FORKS.Process(target=_look, args=(self,)) for _ in range(number)]
        for process in processes:
            process.start()
        try:
            yield list(processes)
        finally:
            (self.folder / "ended").touch()
            for process in processes:
                process.join(60)
        assert [process.exitcode for process in processes] == [0] * number


class Mortals:
    """Controllers one after the other: each looks all the time, and is killed by SIGKILL.

    That is at every transition before it is committed, and the next time just after it.
    """

    def __init__(self, site: Site) -> None:
        self._site = site
        self._process = self._started()
        self.exits: list[int] = []

    def live_until(self, condition: Callable[[], bool], seconds: float = 60.0) -> None:
        """Start the next whenever one has died, until `condition` holds."""
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, "it never came true"
            self._process.join(0.02)
            # It may have died of what makes the condition true: then nobody follows it.
            if self._process.exitcode is not None and not condition():
                self.exits.append(self._process.exitcode)
                self._process = self._started()

    def end(self) -> None:
        """Wait for the last of them: it, too, does not survive what it has done."""
        self._process.join(60)
        assert self._process.exitcode is not None, "it lives on"
        self.exits.append(self._process.exitcode)

    def _started(self) -> BaseProcess:
        process = _FORKS.Process(target=_die, args=(self._site,))
        process.start()
        return process


def _look(site: Site) -> None:
    with site.controller() as controller:
        while not (site.folder / "ended").exists():
            controller.tick()
            time.sleep(0.01)


def _die(site: Site) -> None:
    change = Rollouts.change

    def dying(rollouts: Rollouts, record: Record, event: Any = None, route: Any = None) -> Any:
        place = f"{record.revision} {event.event}\n" if event else ""
        known = site.deaths.read_text() if site.deaths.exists() else ""
        if not event or event.event == "held" or known.count(place) == 2:
            return change(rollouts, record, event, route)
        site.deaths.write_text(known + place)
        if place not in known:
            sa.event.listen(rollouts._engine, "commit", _end)
        change(rollouts, record, event, route)
        return _end()

    Rollouts.change = dying  # type: ignore[method-assign, assignment]
    _look(site)


def _end(*_: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)
