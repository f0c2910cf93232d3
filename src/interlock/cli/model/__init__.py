"""`interlock model`: register versions, promote them on evidence, and ask which was live when."""

from __future__ import annotations

import typer

from interlock.cli.model import aliases, promotion, versions

app = typer.Typer(no_args_is_help=True, help="Register versions and say which is live.")
for part in (versions, promotion, aliases):
    app.add_typer(part.app)
