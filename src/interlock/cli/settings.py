"""`interlock settings`: the settings in force and where each comes from."""

from __future__ import annotations

import os

import msgspec
import typer

from interlock import settings
from interlock.cli.output import Json, show_rows
from interlock.registry import address

app = typer.Typer(help="Show the settings in force.", add_completion=False)


@app.command()
def show(as_json: Json = False) -> None:
    """Show every setting, its value and whether it comes from the environment."""
    current = settings.read()
    rows = []
    for field in msgspec.structs.fields(current):
        variable = settings.PREFIX + field.name.upper()
        value = getattr(current, field.name)
        source = "environment" if os.environ.get(variable) else "default"
        shown = "***" if isinstance(value, settings.Secret) else address.safe(str(value))
        rows.append({"variable": variable, "value": shown, "source": source})
    show_rows(rows, as_json=as_json, empty="no settings")
