"""`interlock journal export`: predictions into a file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from interlock.cli.journal.database import (
    Deployment,
    Key,
    Since,
    Subject,
    Until,
    Version,
    opened,
    wanted,
)
from interlock.cli.output import out, progress
from interlock.state import predictions

app = typer.Typer()


@app.command()
def export(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Ends in .jsonl, .csv or .parquet.")],
    *,
    deployment: Deployment = None,
    version: Version = None,
    since: Since = None,
    until: Until = None,
    key: Key = None,
    subject: Subject = None,
) -> None:
    """Write predictions into FILE, in the order of time, and their inputs and answers with them.

    Sealed ones are opened where their key is at hand, which goes into the audit log; others are
    marked as sealed.
    """
    from interlock.journal.export import write  # noqa: PLC0415 - Parquet is heavy

    with opened() as journal, progress("exporting") as advance:
        asked = wanted(
            journal.settings,
            deployment=deployment,
            version=version,
            since=since,
            until=until,
            key=key,
            subject=subject,
        )
        journal.record("journal export", f"predictions into {file}")
        rows = predictions.oldest_first(journal.connection, asked)
        count = write(file, (advance() or journal.show(row) for row in rows))
    out.print(f"{count:,} predictions are in {file}", markup=False)
