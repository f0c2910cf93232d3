"""`python -m interlock.cli.follow RUN REFERENCE…`: keeps a server's table at what aliases mean.

The supervisor runs this beside its workers, so that neither it nor they carry MLflow.
"""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import structlog

from interlock import log, settings
from interlock.cli.bulletin import Bulletin
from interlock.errors import InterlockError
from interlock.registry import Registry, changes
from interlock.serve import table
from interlock.settings import Settings

_log = structlog.get_logger()


def follow(run: Path, references: list[str], current: Settings) -> None:
    """Watch `references` for ever; SIGHUP looks at once."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
    registry = Registry(current)

    def pause() -> None:
        signal.sigtimedwait({signal.SIGHUP}, current.watch)

    for changed in changes(registry, references, pause):
        complaint = ""
        while (reason := _replace(run, registry, list(changed))) is not None:
            if reason != complaint:
                _log.error("a version cannot be fetched; serving the old one", reason=reason)
            complaint = reason
            pause()


def _replace(run: Path, registry: Registry, references: list[str]) -> str | None:
    """Put into the table what `references` mean by now; why not, when that fails."""
    try:
        found = [table.describe(registry.pull(reference), reference) for reference in references]
    except InterlockError as error:
        return str(error)
    current = table.read(run)
    replaced = current.replace({deployment.name: deployment for deployment in found})
    if replaced.deployments != current.deployments:
        table.write(run, replaced)
    return None


def main(arguments: list[str]) -> None:
    """Follow what the command line names, by the settings of the environment."""
    current = settings.read()
    log.configure(current)
    Bulletin(Path(arguments[0]), arguments[1:], current).start()
    follow(Path(arguments[0]), arguments[1:], current)


if __name__ == "__main__":
    main(sys.argv[1:])
