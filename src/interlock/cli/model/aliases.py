"""`interlock model alias` and `history`: where aliases are, and where they have been."""

from __future__ import annotations

from typing import Annotated

import typer

from interlock.cli.model import byhand
from interlock.cli.model.periods import manner, mover, place
from interlock.cli.model.registry import Name, Number, opened
from interlock.cli.output import Json, out, show_json, show_rows
from interlock.registry import Period, moment

app = typer.Typer()


@app.command()
def alias(
    name: Name,
    version: Number,
    alias: Annotated[
        str, typer.Argument(metavar="ALIAS", help="champion, challenger, staging or another word.")
    ],
    *,
    reason: Annotated[str, typer.Option(help="Why; it goes into the history.")],
    delete: Annotated[
        bool, typer.Option("--delete", help="Take the alias away, if it is on VERSION.")
    ] = False,
    force: Annotated[
        bool,
        typer.Option("--force", help="Move or take away the champion without evidence; marked."),
    ] = False,
) -> None:
    """Put an alias on a version, or take it away. The history keeps who, when and why.

    To move the champion asks for the evidence that promote asks for, or for --force; to take it
    away, and to force it, are marked for ever. Ends with 1 when that is refused. A rollout that is
    under way ends when another champion is put there.
    """
    target = None if delete else version
    with (
        opened("moving the alias") as registry,
        byhand.moving(registry, name, alias, target) as first,
    ):
        if delete:
            registry.remove_alias(name, alias, reason, version=version, force=force, first=first)
        else:
            registry.set_alias(name, alias, version, reason, force=force, first=first)
    done = f"{alias} is no longer on {name}:{version}" if delete else f"{alias} is {name}:{version}"
    out.print(done)


@app.command()
def history(
    name: Name,
    at: Annotated[
        str | None, typer.Option(metavar="TIMESTAMP", help="Only what was live then (UTC).")
    ] = None,
    as_json: Json = False,
) -> None:
    """Tell which version was live when, who put it there and why."""
    then = moment.parse(at) if at else None
    with opened("reading the history") as registry:
        periods = registry.history(name)
    shown = [one for one in periods if then is None or (one.covers(then) and not one.gone)]
    if as_json:
        show_json(shown)
        return
    empty = f"no alias of {name} was set at {then}" if then else f"{name} never had an alias"
    show_rows([_line(period) for period in shown], as_json=False, empty=empty)


def _line(period: Period) -> dict[str, str | None]:
    return {
        "alias": period.alias,
        "version": place(period),
        "from": period.start,
        "to": period.end or "now",
        "who": mover(period),
        "how": manner(period),
        "why": period.reason,
    }
