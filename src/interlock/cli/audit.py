"""`interlock audit`: who did what to keys, data and aliases, and whether the record is whole."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from interlock import settings
from interlock.cli.output import Json, err, out, progress, show_json, show_rows

if TYPE_CHECKING:
    from interlock.journal.audit import Audit, Finding, Line

app = typer.Typer(no_args_is_help=True, help="Read and check the record of what was done.")


@app.command("list")
def show(as_json: Json = False) -> None:
    """List acts and moves of aliases in the order of time."""
    with _opened("reading") as log:
        lines = log.lines()
    if as_json:
        show_json(lines)
        return
    show_rows([_row(line) for line in lines], as_json=False, empty="nothing is on record")


@app.command()
def verify(
    *,
    first: Annotated[
        bool, typer.Option("--first", help="This machine has never seen the log: take it as it is.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Check every chain: acts, histories, evidence, looks. Ends with 1 when one was tampered with.

    A chain whose newest lines were cut off shows when it had been seen longer here before. An audit
    log with lines of which audit.head says nothing is a problem, unless --first says why.
    """
    with _opened("checking") as log:
        findings = log.verify(first=first)
    if as_json:
        show_json(findings)
    else:
        empty = "nothing is on record"
        show_rows([_finding(one) for one in findings], as_json=False, empty=empty)
        if any(not one.compared for one in findings):
            err.print("first seen: whether lines were cut off before cannot be told")
    if any(one.problem for one in findings):
        raise typer.Exit(1)
    if not as_json and findings:
        out.print(f"all {sum(one.lines for one in findings)} lines are what was written")


@contextmanager
def _opened(title: str) -> Iterator[Audit]:
    # SQLAlchemy takes its time to import.
    from interlock.journal.audit import Audit  # noqa: PLC0415

    log = Audit(settings.read())
    try:
        with progress(title):
            yield log
    finally:
        log.close()


def _row(line: Line) -> dict[str, Any]:
    figures = ", ".join(f"{name}: {value}" for name, value in line.details.items() if value)
    return {
        "when": line.moment,
        "who": line.actor,
        "what": line.act,
        "about": line.about,
        "why": line.reason,
        "details": figures,
    }


def _finding(finding: Finding) -> dict[str, Any]:
    said = "whole" if finding.compared else "whole, first seen"
    return {"chain": finding.chain, "lines": finding.lines, "state": finding.problem or said}
