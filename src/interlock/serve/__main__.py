"""`python -m interlock.serve RUN [--control COMMAND…] [--follow COMMAND…]`: the supervisor of a
prepared run directory.

The command line prepares the directory, then replaces itself by this process, so that what
resolving a registry needed is not carried along.
"""

from __future__ import annotations

import sys
from pathlib import Path

from interlock import log, settings
from interlock.errors import InterlockError
from interlock.serve import table
from interlock.serve.supervisor import Supervisor


def main(arguments: list[str]) -> int:
    """Serve a run directory; returns the exit status."""
    run = Path(arguments[0])
    rest, follower = _split(arguments[1:], "--follow")
    _, controller = _split(rest, "--control")
    current = settings.read()
    log.configure(current)

    def announce(url: str) -> None:
        deployments = table.read(run).deployments
        for deployment in deployments:
            path = "/predict" if len(deployments) == 1 else f"/predict/{deployment.name}"
            print(f"{deployment.name} {deployment.version} is served at {url}{path}")
        print(f"documentation at {url}/docs; stop with Ctrl-C", flush=True)

    supervisor = Supervisor(
        run, current, follower=follower, controller=controller, announce=announce
    )
    return supervisor.serve()


def _split(arguments: list[str], mark: str) -> tuple[list[str], list[str]]:
    """What stands before `mark`, and what after it."""
    place = arguments.index(mark) if mark in arguments else len(arguments)
    return arguments[:place], arguments[place + 1 :]


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except InterlockError as error:
        print(f"interlock: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
