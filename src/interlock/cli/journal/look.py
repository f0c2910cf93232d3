"""`interlock journal tail`, `query` and `failures`: answers on record, in a terminal."""

from __future__ import annotations

import signal
import threading
from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
import typer

from interlock.cli.journal.database import (
    MANY,
    Deployment,
    Key,
    Opened,
    Since,
    Subject,
    Until,
    Version,
    micros,
    opened,
    wanted,
)
from interlock.cli.output import Json, show_json, show_rows
from interlock.journal import reading
from interlock.journal.prediction import Prediction, text
from interlock.state import predictions
from interlock.state.predictions import Row, Wanted

app = typer.Typer()

_LOOK = 0.5  # seconds between two looks of `tail --follow`
_LATE = 5_000_000  # microseconds by which a worker's records may come after another's
_NONE = "no prediction is on record"
_MOST = 10_000  # answers in the spool that are counted


@app.command()
def tail(
    number: Annotated[int, typer.Option("--number", "-n", min=1, max=MANY, help="How many.")] = 10,
    *,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on with what comes, until Ctrl-C.")
    ] = False,
    deployment: Deployment = None,
    as_json: Json = False,
) -> None:
    """Show the last predictions that were shipped to the database.

    With --follow, --json prints one object a line.
    """
    with opened() as journal:
        journal.record("journal tail", f"predictions of {deployment or 'all deployments'}")
        asked = wanted(journal.settings, deployment=deployment)
        rows = predictions.newest(journal.connection, asked, number)
        if not follow:
            none = _none(journal) if deployment is None else _NONE
            _show([journal.show(row) for row in rows], as_json=as_json, empty=none)
            return
        _follow(journal, asked, rows, as_json=as_json)


@app.command()
def query(
    *,
    deployment: Deployment = None,
    version: Version = None,
    since: Since = None,
    until: Until = None,
    key: Key = None,
    subject: Subject = None,
    limit: Annotated[int, typer.Option(min=1, max=MANY, help="The last so many.")] = 100,
    as_json: Json = False,
) -> None:
    """Find predictions. --json prints all that is known of them, inputs and answers too."""
    with opened() as journal:
        journal.record("journal query", f"predictions of {deployment or 'all deployments'}")
        asked = wanted(
            journal.settings,
            deployment=deployment,
            version=version,
            since=since,
            until=until,
            key=key,
            subject=subject,
        )
        rows = predictions.newest(journal.connection, asked, limit)
        _show([journal.show(row) for row in rows], as_json=as_json)


@app.command()
def failures(
    *,
    deployment: Deployment = None,
    since: Since = None,
    limit: Annotated[int, typer.Option(min=1, max=MANY, help="The last so many.")] = 100,
    as_json: Json = False,
) -> None:
    """Show requests that were refused or failed."""
    with opened() as journal:
        rows = predictions.failures(journal.connection, deployment, micros(since), limit)
    show_rows([_failure(row) for row in rows], as_json=as_json, empty="no failure is on record")


def _none(journal: Opened) -> str:
    """Why there may be nothing: what was answered a moment ago is on its way."""
    answers = reading.answers(journal.settings.spool(), _MOST)
    if not answers:
        return _NONE
    waiting = f"{answers} answers wait" if answers > 1 else "1 answer waits"
    more = "at least " if answers == _MOST else ""
    return (
        f"nothing has been shipped yet; {more}{waiting} in the spool. Shipping takes about a"
        " second: see `interlock journal status` if it takes longer"
    )


def _show(found: Sequence[Prediction], *, as_json: bool, empty: str = _NONE) -> None:
    if as_json:
        show_json(found)
        return
    show_rows([_line(one) for one in found], as_json=False, empty=empty)


def _follow(journal: Opened, asked: Wanted, rows: Sequence[Row], *, as_json: bool) -> None:
    """Print `rows`, then whatever comes, until Ctrl-C.

    That is only noted: an exception may come where it gets lost, as in a callback of SQLite's.
    """
    stop = threading.Event()
    signal.signal(signal.SIGINT, lambda *_: stop.set())
    known: dict[str, int] = {}
    while True:
        for row in rows:
            if row.id not in known:
                known[row.id] = row.moment
                _print(journal.show(row), as_json=as_json)
        since = max(known.values(), default=0) - _LATE
        known = {name: moment for name, moment in known.items() if moment >= since}
        journal.connection.rollback()  # a transaction would go on seeing what it saw at first
        if stop.wait(_LOOK):
            raise KeyboardInterrupt
        later = msgspec.structs.replace(asked, since=since)
        rows = list(predictions.oldest_first(journal.connection, later))


def _print(one: Prediction, *, as_json: bool) -> None:
    if as_json:
        print(msgspec.json.encode(one).decode(), flush=True)
    else:
        print("  ".join(_line(one).values()), flush=True)


def _line(one: Prediction) -> dict[str, str]:
    return {
        "time": one.time,
        "id": one.id,
        "model": f"{one.deployment}:{one.version}",
        "door": one.door,
        "answer": "sealed" if one.sealed else _answer(one),
        "ms": f"{one.latency * 1000:.2f}",
    }


def _answer(one: Prediction) -> str:
    known = [one.label, None if one.score is None else f"{one.score:.4g}"]
    return " ".join(part for part in known if part is not None) or "values"


def _failure(row: Row) -> dict[str, Any]:
    return {
        "time": text(row.moment),
        "id": row.id,
        "deployment": row.deployment,
        "door": row.door,
        "status": row.status,
        "code": row.code,
        "caller": row.caller,
    }
