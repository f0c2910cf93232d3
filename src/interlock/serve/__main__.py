"""`python -m interlock.serve RUN [--follow COMMAND…]`: the supervisor of a prepared run directory.

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
    follower = arguments[2:] if arguments[1:2] == ["--follow"] else None
    current = settings.read()
    log.configure(current)

    def announce(url: str) -> None:
        deployments = table.read(run).deployments
        for deployment in deployments:
            path = "/predict" if len(deployments) == 1 else f"/predict/{deployment.name}"
            print(f"{deployment.name} {deployment.version} is served at {url}{path}")
        print(f"documentation at {url}/docs; stop with Ctrl-C", flush=True)

    return Supervisor(run, current, follower=follower, announce=announce).serve()


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except InterlockError as error:
        print(f"interlock: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
