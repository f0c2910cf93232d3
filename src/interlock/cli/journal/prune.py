"""`interlock journal prune`: delete what need not be kept any longer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from interlock import settings
from interlock.cli.journal.database import AGES
from interlock.cli.output import Json, progress, show_json, show_rows
from interlock.errors import ConfigurationError
from interlock.journal.prediction import text
from interlock.state import schema

if TYPE_CHECKING:
    from interlock.journal.retention import Pruned

app = typer.Typer()


@app.command()
def prune(
    *,
    keep: Annotated[
        float | None,
        typer.Option(metavar="SECONDS", max=AGES, help="Instead of INTERLOCK_JOURNAL_KEEP."),
    ] = None,
    keep_size: Annotated[
        int | None, typer.Option(metavar="BYTES", help="Instead of INTERLOCK_JOURNAL_KEEP_SIZE.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Delete records that are too old, or the oldest days of what is too large, from every sink.

    The shipper does this every hour by the settings.
    """
    from interlock.journal import retention  # noqa: PLC0415

    current = settings.read(journal_keep=keep, journal_keep_size=keep_size)
    if current.journal_keep is None and current.journal_keep_size is None:
        raise ConfigurationError(
            "nothing says how long records are kept: give --keep or --keep-size,"
            " or set INTERLOCK_JOURNAL_KEEP or INTERLOCK_JOURNAL_KEEP_SIZE"
        )
    with progress("deleting"), schema.opened(current) as engine:
        pruned = retention.prune(current, engine)
    if as_json:
        show_json(pruned)
        return
    show_rows([_line(one) for one in pruned], as_json=False, empty="there is no sink")


def _line(one: Pruned) -> dict[str, str]:
    gone = [f"{count:,} {what}" for what, count in one.deleted.items() if count]
    return {
        "place": one.place,
        "deleted": ", ".join(gone) or "nothing",
        "from before": text(round(one.before * 1e6)) if one.before else "",
    }
