"""`interlock rollout status`: where a rollout stands, once or as it goes."""

from __future__ import annotations

import time
from typing import Annotated

import msgspec
import sqlalchemy as sa
import typer
from rich.live import Live

from interlock.cli.journal.database import opened
from interlock.cli.output import Json, out, show_json, show_rows, show_table
from interlock.cli.rollout.table import findings, lines, short, way, whole
from interlock.errors import ConfigurationError, UnknownError
from interlock.rollout import report
from interlock.rollout.report import Report
from interlock.state import events
from interlock.state.rollouts import Rollouts

app = typer.Typer()

_LOOK = 0.5  # seconds between two looks of --watch


@app.command()
def status(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="Only this model, and all about it.")
    ] = None,
    *,
    watch: Annotated[
        bool,
        typer.Option("--watch", "-w", help="Go on until it ends: with 0 promoted, else with 1."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Say where the rollouts stand that have not ended, or the last one of a model, and why.

    With --watch, --json prints one object a line, whenever something has changed.
    """
    if watch and name is None:
        raise ConfigurationError("--watch needs the NAME of a model")
    with opened() as state:
        if name is None:
            _show_all(state.engine, as_json=as_json)
        elif watch:
            ended = _watch(state.engine, name, as_json=as_json)
            raise typer.Exit(0 if ended.status == "promoted" else 1)
        else:
            _show(_found(state.engine, name), as_json=as_json)


def _found(engine: sa.Engine, name: str) -> Report:
    told = report.last(engine, name)
    if told is None:
        raise UnknownError(f"there never was a rollout of {name}; see interlock rollout start")
    return told


def _show_all(engine: sa.Engine, *, as_json: bool) -> None:
    running = Rollouts(engine).all_running()
    told = [report.of(record, events.read(engine, record.id)) for record in running]
    if as_json:
        show_json(told)
        return
    rows = [
        {
            "model": one.name,
            "version": f"{one.champion} → {one.version}",
            "strategy": one.strategy,
            "status": one.status,
            "steps": way(one),
            "since": short(one.since),
            "verdict": one.verdict,
        }
        for one in told
    ]
    show_rows(rows, as_json=False, empty="no rollout is under way; see interlock rollout start")


def _show(told: Report, *, as_json: bool) -> None:
    if as_json:
        show_json(told)
        return
    for line in lines(told):
        out.print(line)
    if told.findings:
        out.print()
        show_table(findings(told.findings))


def _watch(engine: sa.Engine, name: str, *, as_json: bool) -> Report:
    """Show the rollout whenever it has changed, until it ends."""
    told = _found(engine, name)
    if out.is_terminal and not as_json:
        with Live(whole(told), console=out, auto_refresh=False) as live:
            while told.ended is None:
                time.sleep(_LOOK)
                told = _found(engine, name)
                live.update(whole(told), refresh=True)
        return told
    _print(told, as_json=as_json)
    while told.ended is None:
        time.sleep(_LOOK)
        before, told = told, _found(engine, name)
        if _essence(told) != _essence(before):
            _print(told, as_json=as_json)
    return told


def _essence(told: Report) -> object:
    """What has to change for a line in a log."""
    return told.id, told.status, told.place, told.verdict


def _print(told: Report, *, as_json: bool) -> None:
    if as_json:
        print(msgspec.json.encode(told).decode(), flush=True)
        return
    words = (short(told.since), told.status, f"{told.share:.4g}", told.verdict, told.sentence)
    print("  ".join(words), flush=True)
