"""`interlock journal`: what was answered, and where the record of it stands."""

from __future__ import annotations

import typer

from interlock.cli.journal import export, look, prune, replay, status

app = typer.Typer(no_args_is_help=True, help="Look at the record of answers, and keep it tidy.")
for part in (status, look, export, replay, prune):
    app.add_typer(part.app)
