"""`interlock label`: say what was true, and see what is known."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from interlock import settings
from interlock.cli.journal.database import AGES, MANY, Opened, micros, opened
from interlock.cli.output import Json, out, progress, show_json, show_rows
from interlock.errors import ConfigurationError, RequestError
from interlock.journal import outcomes, payload, sources
from interlock.journal.intake import Intake
from interlock.journal.labels import value
from interlock.journal.prediction import text
from interlock.journal.sources import Found
from interlock.state import labels
from interlock.state.labels import Row

app = typer.Typer(no_args_is_help=True, help="Say what was true, and see what is known.")

Prediction = Annotated[str | None, typer.Option(metavar="ID", help="Of this prediction.")]
Deployment = Annotated[str | None, typer.Option(metavar="NAME", help="Of this deployment.")]
Since = Annotated[str | None, typer.Option(metavar="TIMESTAMP", help="Received then or later.")]
Until = Annotated[str | None, typer.Option(metavar="TIMESTAMP", help="Received before then.")]
Limit = Annotated[int, typer.Option(min=1, max=MANY, help="Most that are shown.")]


@app.command()
def add(
    label: Annotated[
        str, typer.Argument(metavar="LABEL", help="A class, a number, or a JSON list of numbers.")
    ],
    *,
    prediction: Prediction = None,
    key: Annotated[str | None, typer.Option(help="Of this routing key, with --time.")] = None,
    at: Annotated[
        str | None,
        typer.Option("--time", metavar="TIMESTAMP", help="The key's last prediction until then."),
    ] = None,
    deployment: Annotated[
        str | None, typer.Option(metavar="NAME", help="Only predictions of this deployment.")
    ] = None,
    observed: Annotated[
        str | None, typer.Option(metavar="TIMESTAMP", help="When it was seen.")
    ] = None,
    source: Annotated[str, typer.Option(help="Who or what saw it.")] = "",
    as_json: Json = False,
) -> None:
    """Add the label of one prediction. The last one that is said holds; the others are kept."""
    row = {
        "label": label,
        "prediction_id": prediction,
        "key": key,
        "time": at,
        "deployment": deployment,
        "observed": observed,
        "source": source,
    }
    try:
        found = Found("LABEL", sources.read(row))
    except ValueError as error:
        raise ConfigurationError(str(error)) from None
    _take([found], as_json=as_json)


@app.command("import")
def import_labels(
    file: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="CSV, JSON lines or Parquet.")
    ] = None,
    *,
    query: Annotated[
        str | None, typer.Option(metavar="SQL", help="Take the rows of this query, with --url.")
    ] = None,
    url: Annotated[
        str | None, typer.Option(help="SQLAlchemy URL of the database that is asked.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Add many labels. What is known already changes nothing, so that a file may be read twice.

    Columns: label, and prediction_id or key and time; deployment, observed and source as you like.
    """
    if (file is None) == (query is None) or (query is None) != (url is None):
        raise ConfigurationError("name a FILE, or a --query and the --url of its database")
    with progress("reading labels"):
        if file is None:
            everything = list(sources.from_query(str(url), str(query)))
        else:
            everything = list(sources.from_file(file))
    _take(everything, as_json=as_json)


@app.command("list")
def show(
    *,
    prediction: Prediction = None,
    deployment: Deployment = None,
    since: Since = None,
    until: Until = None,
    limit: Limit = 20,
    as_json: Json = False,
) -> None:
    """List labels, the newest first: those in force, those that were corrected, those that wait."""
    with opened() as journal:
        journal.record("label list", "labels")
        rows = labels.newest(
            journal.connection,
            prediction=prediction.lower() if prediction else None,
            deployment=deployment,
            since=micros(since),
            until=micros(until),
            limit=limit,
        )
        named = [row.prediction for row in rows if row.prediction is not None]
        last = {row.id for row in labels.current(journal.connection, named).values()}
        answers = {row.id: row for row in labels.answers(journal.connection, named)}
        shown = [
            {**_row(row, journal), "state": _state(row, last, answers, journal)} for row in rows
        ]
    show_rows(shown, as_json=as_json, empty="no label has come yet")


@app.command()
def orphans(
    *,
    older: Annotated[
        float | None,
        typer.Option(
            min=0, max=AGES, help="Seconds waited; default: INTERLOCK_JOURNAL_ORPHAN_AFTER."
        ),
    ] = None,
    limit: Limit = 20,
    as_json: Json = False,
) -> None:
    """List labels whose prediction has not come, the oldest first."""
    after = settings.read().journal_orphan_after if older is None else older
    before = round((time.time() - after) * 1e6)
    with opened() as journal:
        journal.record("label orphans", "labels")
        rows = labels.orphans(journal.connection, before, limit)
        shown = [{**_row(row, journal), "named": _named(row)} for row in rows]
    show_rows(shown, as_json=as_json, empty=f"no label has waited for {after:g} s")


def _take(found: Sequence[Found], *, as_json: bool) -> None:
    with opened() as journal, progress("adding labels"):
        taker = Intake(journal.engine, journal.settings)
        try:
            taker.put(found)
        finally:
            taker.close()
    taken = taker.taken
    if as_json:
        show_json(taken)
        return
    waiting = f", {taken.waiting} of them wait for their prediction" if taken.waiting else ""
    out.print(f"{taken.added} added{waiting}; {taken.unchanged} known already")
    if taken.waiting:
        out.print("whether those fit is not known yet: `interlock label list` will say so")


def _row(row: Row, journal: Opened) -> dict[str, Any]:
    return {
        "received": text(row.received),
        "label": _label(row, journal),
        "prediction": row.prediction,
        "observed": None if row.observed is None else text(row.observed),
        "source": row.source,
    }


def _label(row: Row, journal: Opened) -> Any:
    said = journal.opener.open(row.seal, row.id, row.value)
    return "(sealed)" if said is None else value(said)


def _state(row: Row, last: set[str], answers: dict[str, Row], journal: Opened) -> str:
    if row.resolved is None:
        return "waits for its prediction"
    if row.id not in last:
        return "corrected"
    answer = answers.get(row.prediction)
    misfit = answer is not None and _is_misfit(row, answer, journal)
    return "fits no such answer" if misfit else "in force"


def _is_misfit(row: Row, answer: Row, journal: Opened) -> bool:
    """Whether a label cannot be right about its answer, as far as both can be opened."""
    said = journal.opener.open(row.seal, row.id, row.value)
    stored = journal.opener.open(answer.seal, answer.id, answer.payload)
    if said is None or stored is None:
        return False
    try:
        outcomes.fitted(value(said), payload.read(stored).answer)
    except RequestError:
        return True
    return False


def _named(row: Row) -> str:
    if row.prediction is not None:
        return f"prediction {row.prediction}"
    where = "" if row.deployment is None else f" of {row.deployment}"
    return f"key {row.key.hex()} until {text(row.at)}{where}"
