"""`interlock model promote`, `rollback` and `status`: who is live, by what right."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import typer

from interlock.cli.model import byhand
from interlock.cli.model.periods import manner, mover, place
from interlock.cli.model.registry import Name, Number, opened
from interlock.cli.output import Json, out, show_json, show_rows
from interlock.registry import Standing, Status

app = typer.Typer()


@app.command()
def promote(
    name: Name,
    version: Number,
    *,
    to: Annotated[Literal["staging", "champion"], typer.Option(help="What it is to be.")],
    reason: Annotated[str, typer.Option(help="Why; it goes into the history.")] = "",
    force: Annotated[
        bool,
        typer.Option("--force", help="Ask for no evidence. Needs a --reason; marked for ever."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Make a version the champion, or put it into staging, when its gates allow that.

    Every gate that the policy needs must have passed for exactly this package, against the
    champion of now. Ends with 1 when the evidence does not allow it. A rollout that is under way
    ends when another champion is put there by hand.
    """
    with opened("promoting") as registry, byhand.moving(registry, name, to, version) as first:
        promoted = registry.promote(name, version, to, reason, force=force, first=first)
    if as_json:
        show_json(promoted)
        return
    by_force = " by force, which stays on record" if force else ""
    out.print(f"{to} is {promoted}{by_force}")


@app.command()
def rollback(
    name: Name,
    reason: Annotated[str, typer.Option(help="Why; it goes into the history.")] = "",
    as_json: Json = False,
) -> None:
    """Make the previous champion the champion again; once more goes further back.

    Running servers follow in under a second. A rollout that is under way ends; what is being
    promoted by it goes back to the champion that it began with.
    """
    with opened("rolling back") as registry:
        version = byhand.rollback(registry, name, reason)
    if as_json:
        show_json(version)
        return
    out.print(f"champion is {version} again")


@app.command()
def status(name: Name, as_json: Json = False) -> None:
    """Tell who is live by what right, what the gates found, and what is left of the holdouts."""
    with opened("reading the history") as registry:
        found = registry.status(name)
    if as_json:
        show_json(found)
        return
    empty = f"{name} never had an alias; see interlock model promote --help"
    show_rows([_role(standing) for standing in found.standings], as_json=False, empty=empty)
    for rows in (_gates(found), _holdouts(found)):
        if rows:
            out.print()
            show_rows(rows, as_json=False, empty="")


def _role(standing: Standing) -> dict[str, str | None]:
    period = standing.period
    return {
        "role": standing.role,
        "version": place(period),
        "since": period.start,
        "until": period.end or "now",
        "who": mover(period),
        "how": manner(period),
        "why": period.reason,
    }


def _gates(found: Status) -> list[dict[str, str]]:
    """A line for each gate, a column for each version."""
    verdicts = {one.period.version or "": one.gates for one in found.standings if one.gates}
    gates = sorted({gate for of_version in verdicts.values() for gate in of_version})
    return [
        {"gate": gate, **{name: of.get(gate, "not run") for name, of in verdicts.items()}}
        for gate in gates
    ]


def _holdouts(found: Status) -> list[dict[str, Any]]:
    return [
        {
            "holdout": spent.holdout[:19],
            "gate": spent.gate,
            "looks": spent.looks,
            "alpha": f"{spent.alpha:g}",
            "left": f"{spent.left:.4f}",
        }
        for spent in found.holdouts
    ]
