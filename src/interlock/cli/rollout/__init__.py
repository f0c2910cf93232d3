"""`interlock rollout`: bring a version to the traffic step by step, and see how it does."""

from __future__ import annotations

import typer

from interlock.cli.rollout import explain, history, orders, status

app = typer.Typer(no_args_is_help=True, help="Roll versions out by evidence.")
for part in (orders, status, explain, history):
    app.add_typer(part.app)
