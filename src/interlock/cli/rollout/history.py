"""`interlock rollout history`: what was rolled out, and how it ended."""

from __future__ import annotations

from typing import Annotated

import typer

from interlock.cli.journal.database import opened
from interlock.cli.model.registry import Name
from interlock.cli.output import Json, show_json, show_rows
from interlock.cli.rollout.table import short
from interlock.rollout import report
from interlock.rollout.report import Report
from interlock.state import events
from interlock.state.rollouts import Rollouts

app = typer.Typer()


@app.command()
def history(
    name: Name,
    *,
    limit: Annotated[int, typer.Option(min=1, help="The last so many.")] = 100,
    as_json: Json = False,
) -> None:
    """List the rollouts of a model, the newest first, and why each ended."""
    with opened() as state:
        told = [
            report.of(record, events.read(state.engine, record.id))
            for record in Rollouts(state.engine).history(name, limit)
        ]
    if as_json:
        show_json(told)
        return
    show_rows(
        [_row(one) for one in told], as_json=False, empty=f"there never was a rollout of {name}"
    )


def _row(told: Report) -> dict[str, str]:
    return {
        "began": short(told.started),
        "ended": short(told.ended) if told.ended else "",
        "version": f"{told.champion} → {told.version}",
        "strategy": told.strategy,
        "who": told.actor,
        "status": told.status,
        "why": told.sentence,
    }
