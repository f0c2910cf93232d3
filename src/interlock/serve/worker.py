"""One worker process: an event loop with the application on it, watching the table."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import signal
import socket
import sys
from pathlib import Path
from typing import TypeAlias

import msgspec
import structlog
import uvicorn
import uvloop

from interlock.errors import InterlockError, PackageError
from interlock.journal.hashing import Hasher
from interlock.package import reader
from interlock.serve import lacking, metrics, table
from interlock.serve.acceptor import Server
from interlock.serve.admin import Admin
from interlock.serve.app import App
from interlock.serve.journal import Journal
from interlock.serve.labels import Labels
from interlock.serve.lineup import Lineup
from interlock.serve.metrics import Recorder
from interlock.serve.protocol import Protocol
from interlock.serve.served import Served
from interlock.serve.status import State, Status
from interlock.serve.table import Deployment, Stamp, Table
from interlock.settings import Settings

_log = structlog.get_logger()

Known: TypeAlias = dict[tuple[str, str], Served]
"""Versions that are loaded, by digest and path."""

_TICK = 0.25  # seconds between looks at the table, and between heartbeats


class Worker:
    """Loads what the table of the run directory names, serves it, swaps when the table changes."""

    def __init__(self, run: Path, slot: int, settings: Settings, status: Status) -> None:
        self._directory = run
        self._slot = slot
        self._settings = settings
        self._status = status
        self._recorder = Recorder(run, slot)
        on = settings.journal == "on"
        self._journal = Journal(settings, slot, self._recorder) if on else None
        labels = Labels(settings, self._journal, lambda: self._app.served)
        spool = settings.spool() if on else None
        admin = Admin(run, status, lambda: self._app.lineups, spool).app(labels.routes())
        self._hasher = self._journal.hasher if self._journal else None
        self._app = App(settings, self._recorder, admin, self._journal)
        self._revision = 0
        self._stamp: Stamp | None = None

    def run(self, listener: socket.socket) -> None:
        """Serve on `listener` until SIGTERM, then drain.

        Raises
        ------
        InterlockError
            When a champion that the table names cannot be loaded. One that cannot be tried beside
            it is left out, and said so.
        """
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        self._app.swap(self._load(self._read(), partly=True), self._hasher)
        # What is loaded stays: the collector need not walk it again, nor unshare its pages.
        gc.collect()
        gc.freeze()
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(self._serve(listener))

    async def _serve(self, listener: socket.socket) -> None:
        server = Server(_configuration(self._app, self._settings), self._status, self._slot)
        watch = asyncio.create_task(self._watch(server))
        try:
            await server.serve(sockets=[listener])
        finally:
            watch.cancel()
            self._app.close()
            if self._journal:
                self._journal.close()

    async def _watch(self, server: Server) -> None:
        await server.accepting.wait()
        self._status.set(self._slot, State.READY, pid=os.getpid())
        told = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, told.set)
        while True:
            self._status.beat(self._slot, self._revision)
            self._status.connections(self._slot, len(server.server_state.connections))
            if self._journal:
                self._journal.spool.tick()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(told.wait(), _TICK)
            if told.is_set() or table.stamp(self._directory) != self._stamp:
                told.clear()
                await self._swap()

    async def _swap(self) -> None:
        old = self._app.lineups
        try:
            loaded = await asyncio.to_thread(self._load, self._read())
        except InterlockError as error:
            self._recorder.counter(metrics.SWAPS, "refused").add()
            _log.error("the new table cannot be loaded; serving the old one", reason=str(error))
            return
        if loaded == old:
            return
        self._app.swap(loaded, self._hasher)
        self._recorder.counter(metrics.SWAPS, "loaded").add()
        kept = {served for lineup in loaded.values() for served in lineup.versions}
        for name, lineup in old.items():
            for served in lineup.versions:
                if served not in kept:
                    served.close()
            self._tell(lineup, loaded[name])

    def _tell(self, old: Lineup, new: Lineup) -> None:
        told = {"worker": self._slot, "model": old.main.name}
        if old.main is not new.main:
            _log.info("swapped", **told, old=old.main.version, new=new.main.version)
        if old.route != new.route:
            _log.info("routed", **told, **_shares(new))

    def _read(self) -> Table:
        # The stamp first: a table written in between is then seen at the next look.
        self._stamp = table.stamp(self._directory)
        return table.read(self._directory)

    def _load(self, wanted: Table, *, partly: bool = False) -> dict[str, Lineup]:
        """Models of `wanted`; those that are loaded already are taken over as they are.

        With `partly`, champions do where what is tried beside them cannot be loaded.
        """
        if self._hasher is None and any(one.route for one in wanted.deployments):
            self._hasher = Hasher(self._settings)
        known = {
            (served.deployment.digest, served.deployment.path): served
            for lineup in self._app.lineups.values()
            for served in lineup.versions
        }
        loaded = {one.name: self._lineup(one, known, partly=partly) for one in wanted.deployments}
        self._revision = wanted.revision
        return loaded

    def _lineup(self, deployment: Deployment, known: Known, *, partly: bool) -> Lineup:
        main, *beside = deployment.versions()
        served = [known.get((main.digest, main.path)) or self._serve_one(main)]
        missing = []
        for one in beside:
            try:
                served.append(known.get((one.digest, one.path)) or self._serve_one(one))
            except InterlockError as error:
                if not partly:
                    raise
                said = "a version cannot be loaded; the champion answers alone"
                _log.error(said, model=one.name, version=one.version, reason=str(error))
                missing.append(one.version)
        if not missing:
            return Lineup(deployment, tuple(served))
        alone = msgspec.structs.replace(deployment, route=None, beside=())
        return Lineup(alone, tuple(served[:1]), tuple(missing))

    def _serve_one(self, version: Deployment) -> Served:
        try:
            return Served(version, self._settings, self._recorder, self._hasher)
        except PackageError:
            if not _intact(version):
                lacking.note(self._directory, version.digest)
            raise


def _intact(version: Deployment) -> bool:
    """Whether the package is there as it was: fetched again it would be no better."""
    try:
        return reader.verify(Path(version.path)).digest == version.digest
    except PackageError:
        return False


def _shares(lineup: Lineup) -> dict[str, str]:
    """What each version answers of all requests, in words."""
    if lineup.route is None:
        return {"shares": f"{lineup.main.version} 100%"}
    arms = lineup.route.arms
    said = {"shares": ", ".join(f"{arm.version} {100 * arm.share:g}%" for arm in arms)}
    if lineup.route.shadows:
        said["shadows"] = ", ".join(one.version for one in lineup.route.shadows)
    return said


def _configuration(app: App, settings: Settings) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        loop="uvloop",
        http=Protocol,
        interface="asgi3",
        lifespan="off",
        ws="none",
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=settings.keep_alive,
        timeout_graceful_shutdown=max(1, round(settings.drain)),
    )
