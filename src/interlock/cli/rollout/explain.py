"""`interlock rollout explain`: every decision about a rollout, and what it was made from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
import typer

from interlock.cli.journal.database import Opened, opened
from interlock.cli.model.registry import Name
from interlock.cli.output import Json, out, progress, show_json, show_rows, show_table
from interlock.cli.rollout.table import findings, short, title
from interlock.errors import UnknownError
from interlock.journal.prediction import text
from interlock.rollout import floor, report
from interlock.rollout.replay import Replayed, replay
from interlock.state import events
from interlock.state.events import Event
from interlock.state.rollouts import Record, Rollouts

app = typer.Typer()


@app.command()
def explain(
    name: Name,
    *,
    version: Annotated[
        str | None, typer.Option(help="The last rollout of this version.", show_default=False)
    ] = None,
    again: Annotated[
        bool,
        typer.Option("--replay", help="Read the journal again, and compare; 1 when it differs."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Tell everything that happened in the last rollout, and why; and what became of the floor.

    With --replay the evidence is made anew from the journal: the verdicts and figures must be
    those that decided.
    """
    with opened() as state:
        record = _record(state, name, version)
        happened = events.read(state.engine, record.id)
        watched = events.read(state.engine, floor.name(name))
        anew = _replayed(state, record) if again else None
    told = report.of(record, happened)
    if as_json:
        said = [_document(one) for one in happened]
        seen = [_document(one) for one in watched]
        show_json({"rollout": told, "events": said, "floor": seen, "replay": anew})
    else:
        out.print(title(told))
        _show(happened)
        if told.findings:
            out.print()
            show_table(findings(told.findings))
        if watched:
            out.print(f"\nthe watch over the floor of {name}")
            _show(watched)
        _compare(anew)
    if anew is not None and not anew.same:
        raise typer.Exit(1)


def _record(state: Opened, name: str, version: str | None) -> Record:
    for record in Rollouts(state.engine).history(name):
        if version in (None, record.version):
            return record
    which = f"{name}:{version}" if version else name
    raise UnknownError(f"there never was a rollout of {which}; see interlock rollout history")


def _replayed(state: Opened, record: Record) -> Replayed:
    with progress("reading the journal"):
        return replay(state.engine, record, state.opener)


def _show(happened: Sequence[Event]) -> None:
    rows = [
        {"when": short(text(one.moment)), "what": one.event, "why": one.sentence}
        for one in happened
    ]
    show_rows(rows, as_json=False, empty="")


def _compare(anew: Replayed | None) -> None:
    if anew is None:
        return
    if anew.same:
        out.print("\nthe journal gives the same verdicts and figures again")
        return
    out.print("\nthe journal gives other figures now: rows or labels came late, or were deleted")
    show_table(findings(anew.analysis.findings))


def _document(event: Event) -> dict[str, Any]:
    return {
        "sequence": event.sequence,
        "moment": text(event.moment),
        "event": event.event,
        "sentence": event.sentence,
        "actor": event.actor,
        "analysis": msgspec.Raw(event.document.encode()),
    }
