"""`interlock erase`: make everything about one subject unreadable, and delete what can be."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from interlock import settings
from interlock.cli.output import Json, err, out, progress, show_json
from interlock.errors import ConfigurationError, JournalError

if TYPE_CHECKING:
    from interlock.journal.erasure import Report

app = typer.Typer(help="Erase everything about one subject.", add_completion=False)


@app.command()
def erase(
    subject: Annotated[
        str,
        typer.Argument(
            metavar="SUBJECT",
            help="Whom to erase, as callers named them; - reads it from standard input.",
        ),
    ],
    *,
    reason: Annotated[str, typer.Option(help="Why; it goes into the audit log.")] = "",
    wait: Annotated[
        float,
        typer.Option(help="Seconds that readable records may take to leave the spool.", min=0),
    ] = 180.0,
    as_json: Json = False,
) -> None:
    """Delete a subject's keys, labels and rows. What is sealed is unreadable at once, everywhere.

    What was written in clear leaves the spool first, which takes about as long as a segment may be
    old; no command can reach backups of it. Run it again when it says that something is left.
    """
    from interlock.journal.erasure import Erasure  # noqa: PLC0415

    with progress("erasing"):
        report = Erasure(settings.read(), _named(subject)).run(reason, wait=wait)
    if as_json:
        show_json(report)
    else:
        if said := _said(report):
            out.print(said)
        if report.clear:
            err.print(
                "it was written in clear: backups of database, Parquet files and spool that were"
                " made before still hold it, and have to be deleted"
            )
    if report.left:
        raise JournalError("not everything is erased: " + "; ".join(dict.fromkeys(report.left)))


def _named(subject: str) -> str:
    """The subject; from standard input nobody sees it in a list of processes or of commands."""
    name = sys.stdin.readline().rstrip("\r\n") if subject == "-" else subject
    if not name:
        raise ConfigurationError("no subject is named: nobody is erased")
    return name


def _said(report: Report) -> str:
    counted = {
        "keys": report.keys,
        "predictions": report.predictions,
        "labels": report.labels,
        "failures": report.failures,
        "rows of Parquet files": report.parquet,
        "damaged pieces of the spool": report.damaged,
    }
    gone = [f"{what}: {count}" for what, count in counted.items() if count]
    if gone:
        return f"erased {', '.join(gone)}"
    return "" if report.left else "nothing was on record about this subject"
