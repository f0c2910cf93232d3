"""`interlock settings`: the settings in force and where each comes from."""

from __future__ import annotations

import os
from typing import Any

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
        shown = "***" if _is_secret(field.name, value) else address.safe(str(value))
        rows.append({"variable": variable, "value": shown, "source": source})
    show_rows(rows, as_json=as_json, empty="no settings")


def _is_secret(name: str, value: Any) -> bool:
    """Also what names no file where a file with a key is asked for: it may be the key itself."""
    if name == "master_key_file" and value is not None:
        return not os.path.exists(value)  # noqa: PTH110 - Path.exists raises when it is too long
    return isinstance(value, settings.Secret)
