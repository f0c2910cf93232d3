"""`interlock journal status`: how far the shipper is, and what waits for it."""

from __future__ import annotations

import time
from typing import Any

import msgspec
import typer

from interlock import settings
from interlock.cli.output import Json, out, show_json, show_rows
from interlock.journal import status
from interlock.journal.status import SinkStatus, Status

app = typer.Typer()


@app.command("status")
def show(as_json: Json = False) -> None:
    """Say what lies in the spool, and how each sink does.

    This looks at the journal's directory only: it needs no database.
    """
    current = settings.read()
    directory = current.spool()
    seen = status.believed(directory)
    if as_json:
        show_json(_document(str(directory), seen))
        return
    out.print(f"the spool in {directory} holds {seen.spool_bytes:,} bytes", markup=False)
    out.print(_shipper(seen), markup=False)
    show_rows([_line(sink) for sink in seen.sinks], as_json=False, empty="there is no sink")
    if seen.damaged:
        out.print(f"{seen.damaged} damaged places are set aside in {directory / 'damaged'}")
    if seen.torn:
        out.print(f"{seen.torn} records were cut off by a crash: nobody was answered for them")
    if seen.orphans:
        out.print(f"{seen.orphans} labels wait for predictions: see `interlock label orphans`")


def _document(directory: str, seen: Status) -> dict[str, Any]:
    known: dict[str, Any] = msgspec.to_builtins(seen)
    return {**known, "directory": directory, "running": seen.fresh}


def _shipper(seen: Status) -> str:
    if not seen.pid:
        return "nothing was ever shipped from it: `interlock serve` starts what does"
    if seen.fresh:
        return f"the shipper is process {seen.pid}"
    ago = time.time() - seen.moment
    return f"no shipper is at work: the last one was seen {ago:,.0f} seconds ago"


def _line(sink: SinkStatus) -> dict[str, str]:
    return {
        "sink": sink.name,
        "state": "up" if sink.up else "down",
        "behind": f"{sink.lag_bytes:,} bytes, {sink.lag_seconds:,.1f} s",
        "shipped": f"{sink.shipped:,}",
        "reason": sink.reason,
    }
