"""`interlock up`: a server and the controller of its rollouts, as one."""

from __future__ import annotations

from pathlib import Path

import typer

from interlock import policy as policies
from interlock.cli.control import Policies
from interlock.cli.serve import Host, Packages, Port, References, Workers, launch

app = typer.Typer(help="Serve models and move their rollouts on.", add_completion=False)


@app.command()
def up(
    references: References = None,
    directory: Packages = None,
    policy: Policies = None,
    *,
    host: Host = None,
    port: Port = None,
    workers: Workers = None,
) -> None:
    """Serve as `interlock serve` does, and beside it run what `interlock control` does.

    The controller starts when the server is ready, comes back when it dies, and ends with it.
    """
    for file in policy or ():
        policies.read(file)  # now, in a terminal, and not in a process that dies again and again
    control = [word for file in policy or () for word in ("--policy", str(Path(file).resolve()))]
    launch(references, directory, host=host, port=port, workers=workers, control=control)
