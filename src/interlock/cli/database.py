"""`interlock database`: the tables of the journal, and which release they are of."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
import typer

from interlock import settings
from interlock.cli.output import Json, out, progress, show_json
from interlock.journal import audit
from interlock.state import database, schema
from interlock.state.schema import Standing

app = typer.Typer(no_args_is_help=True, help="See to the tables of predictions and labels.")

_SENTENCES = {
    "empty": "it has no tables yet: the first server makes them",
    "current": "its tables are those of this release",
    "older": "its tables are of an older release: make a backup, then `interlock database migrate`",
    "newer": "its tables are of a newer release: use that one",
}


@app.command()
def status(as_json: Json = False) -> None:
    """Say of which release the tables are. Changes nothing."""
    with _opened() as engine:
        found = schema.standing(engine)
        where = database.location(engine)
    if as_json:
        show_json({"location": where, **_document(found)})
        return
    out.print(f"{where}: {_SENTENCES[found.state]}", markup=False)


@app.command()
def migrate(as_json: Json = False) -> None:
    """Bring the tables to this release, all of it or nothing. Make a backup first."""
    with _opened() as engine, progress("migrating"):
        before = schema.migrate(engine)
        where = database.location(engine)
    if before.state != "current":
        revisions: dict[str, Any] = {"before": before.database, "after": before.code}
        audit.record(settings.read(), "database migrate", where, **revisions)
    if as_json:
        show_json({"location": where, "before": before.database, "after": before.code})
        return
    done = "was at this release already" if before.state == "current" else "is at this release now"
    out.print(f"{where} {done} (revision {before.code})", markup=False)


def _document(found: Standing) -> dict[str, str | None]:
    return {"state": found.state, "revision": found.database, "this_release": found.code}


@contextmanager
def _opened() -> Iterator[sa.Engine]:
    engine = database.connect(settings.read())
    try:
        yield engine
    finally:
        engine.dispose()
