"""`interlock keys`: master keys, and the data keys that they wrap."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from interlock import settings
from interlock.cli.output import Json, out, progress, show_json, show_rows
from interlock.errors import ConfigurationError

app = typer.Typer(no_args_is_help=True, help="Make and change the master key of the journal.")


@app.command()
def create(
    path: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="Write it to this new file, not to the screen."),
    ] = None,
) -> None:
    """Make a new master key. Nothing uses it until the settings name it."""
    from interlock.journal import audit, hashing, master  # noqa: PLC0415

    key = secrets.token_bytes(hashing.SIZE)
    if path is not None and not hashing.write(path, key):
        raise ConfigurationError(f"{path} exists already; a key is never overwritten")
    name = f"master key {master.Local(key).id}"
    audit.record(settings.read(), "keys create", name)
    if path is None:
        print(hashing.encoded(key))
    else:
        out.print(f"{name} is in {path}")


@app.command()
def rotate(
    reason: Annotated[str, typer.Option(help="Why; it goes into the audit log.")] = "",
) -> None:
    """Wrap all data keys by the first of the master keys that the settings give.

    Put the new key in front of the old one (in the variable or the file, with a space or a line end
    between), restart the servers, run this, and take the old one away. No data is written anew.
    What was interrupted goes on when it is run again.
    """
    from interlock.journal import audit  # noqa: PLC0415
    from interlock.journal.keys import rotation  # noqa: PLC0415

    current = settings.read()
    present = rotation.masters(current).present.id
    with progress("wrapping data keys") as advance:
        changed = rotation.rotate(current, advance)
    audit.record(current, "keys rotate", f"master key {present}", reason, data_keys=changed)
    out.print(f"{changed} data keys are wrapped by master key {present} now")


@app.command("list")
def show(as_json: Json = False) -> None:
    """Tell which master keys have wrapped how many data keys, and which are given."""
    from interlock.journal import keys, master  # noqa: PLC0415

    current = settings.read()
    ring = master.ring(current)
    store = keys.opened(current)
    try:
        holdings = store.holdings() if keys.there(current) else []
    finally:
        store.close()
    rows = [_line(holding, ring) for holding in holdings]
    if as_json:
        show_json(rows)
        return
    show_rows(rows, as_json=False, empty="there are no data keys: nothing has been encrypted yet")


def _line(holding: Any, ring: Any) -> dict[str, Any]:
    if ring is None or holding.master not in ring:
        state = "not given"
    else:
        state = "present" if holding.master == ring.present.id else "to be rotated"
    return {
        "master": holding.master,
        "state": state,
        "data_keys": holding.keys,
        "oldest": _moment(holding.oldest),
        "newest": _moment(holding.newest),
    }


def _moment(micros: int) -> str:
    return datetime.fromtimestamp(micros / 1e6, UTC).isoformat(timespec="seconds")
