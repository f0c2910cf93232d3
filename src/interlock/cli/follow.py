"""`python -m interlock.cli.follow RUN REFERENCE…`: keeps a server's table right.

The supervisor runs this beside its workers, so that neither it nor they carry MLflow.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import structlog

from interlock import log, settings
from interlock.cli.bulletin import Bulletin
from interlock.cli.routes import Routes, served
from interlock.errors import InterlockError
from interlock.registry import Reference, Registry, Watch, parse
from interlock.routing.route import Route
from interlock.serve import lacking, table
from interlock.serve.table import Deployment, Table
from interlock.settings import Settings

_log = structlog.get_logger()


def follow(run: Path, references: list[str], current: Settings) -> None:
    """Watch `references` and the routes of their models for ever; SIGHUP looks at once."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
    follower = Follower(run, references, current)
    # Blocked above, so what this thread says is heard where the other waits.
    follower.routes.keep_looking(lambda: os.kill(os.getpid(), signal.SIGHUP))
    while True:
        follower.look()
        signal.sigtimedwait({signal.SIGHUP}, current.watch)


class Follower:
    """Keeps the table of a run directory at what aliases mean and routes say."""

    def __init__(self, run: Path, references: list[str], current: Settings) -> None:
        self._run = run
        self._registry = Registry(current)
        self._watch = Watch(self._registry, references)
        self._names = {reference: parse(reference).name for reference in references}
        deployed = table.read(run).deployments
        self._placed = {one.name: one.route for one in deployed}
        self._late: dict[str, str] = {}
        self.routes = Routes(current, {one.name: one.route for one in deployed if one.route})

    def look(self) -> None:
        """Look once, and put into the table what can be had; the rest is tried again.

        Routes come first: one that is gone since the alias was moved must not bring back for a
        moment what the alias meant before.
        """
        routes = self.routes.known
        moved = self._watch.look()
        for reference, name in self._names.items():
            route = routes.get(name)
            if reference in moved or reference in self._late or route != self._placed[name]:
                self._place(reference, name, route)
        for digest in lacking.noted(self._run):
            self._fetch(digest)

    def _fetch(self, digest: str) -> None:
        """Have a package again that a worker lacks, then have the workers look again."""
        current = table.read(self._run)
        names = {
            one.name for of in current.deployments for one in of.versions() if one.digest == digest
        }
        for name in names & set(self._names.values()):
            try:
                self._registry.pull(Reference(name=name, digest=digest))
            except InterlockError as error:
                self._tell(digest, str(error))
                return
            _log.info("fetched again what a worker lacks", model=name, digest=digest)
        self._late.pop(digest, None)
        lacking.settle(self._run, digest)
        table.write(self._run, current.replace({}))

    def _place(self, reference: str, name: str, route: Route | None) -> None:
        known = self._watch.known.get(reference)
        reason = self._replace(reference, route, known.digest if known else None)
        if reason is None:
            self._placed[name] = route
            self._late.pop(reference, None)
            return
        self._tell(reference, reason)

    def _tell(self, what: str, reason: str) -> None:
        """Say once why something cannot be had; it is tried again."""
        if reason != self._late.get(what):
            _log.error("a version cannot be fetched; serving the old one", reason=reason)
        self._late[what] = reason

    def _replace(self, reference: str, route: Route | None, digest: str | None) -> str | None:
        """Put into the table what `reference` means by now; why not, when that fails."""
        current = table.read(self._run)
        at_hand = [version for one in current.deployments for version in one.versions()]
        try:
            found = served(self._registry, reference, route, at_hand=at_hand, digest=digest)
        except InterlockError as error:
            if route is None:
                self._go_back(current, reference)
            return str(error)
        self._write(current, found)
        return None

    def _go_back(self, current: Table, reference: str) -> None:
        """Leave everything to the champion of a route that is gone, until it is known who is."""
        for deployed in current.deployments:
            if deployed.name == self._names[reference] and deployed.route is not None:
                self._write(current, deployed.versions()[0])

    def _write(self, current: Table, found: Deployment) -> None:
        replaced = current.replace({found.name: found})
        if replaced.deployments != current.deployments:
            table.write(self._run, replaced)


def main(arguments: list[str]) -> None:
    """Follow what the command line names, by the settings of the environment."""
    current = settings.read()
    log.configure(current)
    Bulletin(Path(arguments[0]), arguments[1:], current).start()
    follow(Path(arguments[0]), arguments[1:], current)


if __name__ == "__main__":
    main(sys.argv[1:])
