"""`interlock journal replay`: what another package would have answered."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import sqlalchemy as sa
import typer

from interlock.cli.journal.database import Opened, Since, Until, Version, opened, wanted
from interlock.cli.model.registry import opened as registry_opened
from interlock.cli.output import Json, out, progress, show_json, show_rows
from interlock.errors import ConfigurationError
from interlock.package import Package, verify
from interlock.state import predictions
from interlock.state.predictions import Wanted
from interlock.state.tables import PREDICTIONS

if TYPE_CHECKING:
    from interlock.journal.replay import Replay

app = typer.Typer()


@app.command()
def replay(
    package: Annotated[
        str, typer.Argument(metavar="DIR|REFERENCE", help="A package, or NAME:VERSION, NAME@ALIAS.")
    ],
    *,
    deployment: Annotated[
        str | None, typer.Option(help="Whose traffic; default: that of the package's name.")
    ] = None,
    version: Version = None,
    since: Since = None,
    until: Until = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Only the last so many rows.", show_default=False)
    ] = None,
    tolerance: Annotated[
        float, typer.Option(min=0, help="Difference up to which numbers are the same answer.")
    ] = 1e-4,
    as_json: Json = False,
) -> None:
    """Put recorded requests before another package, and compare its answers with the recorded ones.

    Nothing is recorded and nobody is answered: it is a shadow of what has been.
    """
    from interlock.journal.replay import replay as play  # noqa: PLC0415 - loads the engine

    found = _package(package)
    with opened() as journal, progress("replaying") as advance:
        journal.record("journal replay", f"predictions before {found.name}")
        asked = wanted(
            journal.settings,
            deployment=deployment or found.name,
            version=version,
            since=since,
            until=until,
        )
        if limit is None:
            rows = predictions.oldest_first(journal.connection, asked)
        else:
            rows = iter(predictions.newest(journal.connection, asked, limit))
        seen = (advance() or row for row in rows)
        result = play(found, seen, journal.opener, tolerance=tolerance)
        if not result.rows:
            raise ConfigurationError(_nothing(journal, asked))
    if as_json:
        show_json(result)
    else:
        _show(result)


def _package(named: str) -> Package:
    if Path(named).is_dir():
        return verify(Path(named))
    with registry_opened("fetching the package") as registry:
        return verify(registry.pull(named))


def _nothing(journal: Opened, asked: Wanted) -> str:
    found = sa.select(PREDICTIONS.c.deployment).distinct().order_by(PREDICTIONS.c.deployment)
    known = journal.connection.scalars(found).all()
    if asked.deployment in known:
        return f"no prediction of {asked.deployment!r} is on record that was asked for"
    there = f"there are {', '.join(known)}: name one by --deployment" if known else "nothing is"
    return f"no prediction of a deployment {asked.deployment!r} is on record; {there}"


def _show(result: Replay) -> None:
    if result.equal is None or result.largest_difference is None:
        out.print(f"none of {result.rows:,} recorded rows could be put before {result.package}")
    else:
        by = ", ".join(f"{version} ({rows:,})" for version, rows in result.versions.items())
        out.print(f"{result.replayed:,} of {result.rows:,} recorded rows answered by {by}")
        out.print(f"{result.package} answers {100 * result.equal:.4g}% of them the same")
        out.print(f"largest difference {result.largest_difference:.3g}")
    if result.refused:
        out.print(f"{result.refused:,} rows are refused by its signature: {result.refusal}")
    if result.sealed:
        out.print(f"{result.sealed:,} rows are sealed, and their keys not at hand")
    changes = [
        {"was": one.recorded, "would be": one.replayed, "rows": one.rows} for one in result.changes
    ]
    if changes:
        out.print()
        show_rows(changes, as_json=False, empty="")
