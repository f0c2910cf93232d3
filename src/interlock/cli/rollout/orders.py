"""`interlock rollout start`, `promote`, `pause`, `resume` and `abort`: what a person orders."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

import msgspec
import typer

from interlock import policy as policies
from interlock.cli.journal.database import opened
from interlock.cli.model.registry import Name, Number
from interlock.cli.model.registry import opened as opened_registry
from interlock.cli.output import Json, out, show_json
from interlock.cli.rollout.table import title
from interlock.errors import ConfigurationError
from interlock.policy import FILE, Policy
from interlock.registry.actor import actor
from interlock.rollout import report
from interlock.rollout.orders import Orders
from interlock.state import events
from interlock.state.rollouts import Record

app = typer.Typer()

Strategy: TypeAlias = Literal["shadow", "canary", "ab", "blue-green", "recreate"]
Reason = Annotated[str, typer.Option(help="Why; it stays on record.")]


@app.command()
def start(
    name: Name,
    version: Number,
    *,
    strategy: Annotated[
        Strategy | None, typer.Option(help="Another one than the policy's.", show_default=False)
    ] = None,
    policy: Annotated[
        Path, typer.Option("--policy", metavar="FILE", help="The model's policy.")
    ] = Path(FILE),
    reason: Reason = "",
    force: Annotated[
        bool,
        typer.Option("--force", help="Ask for no evidence. Needs a --reason; marked for ever."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Begin to roll a version out, by the policy as it is now.

    It must have passed the gates that a champion needs. `interlock control` does the rest.
    """
    rules = _rules(policy, name, strategy)
    with _ordering("starting") as orders:
        record = orders.start(version, rules, reason=reason, force=force)
    _tell(record, as_json=as_json)


@app.command()
def promote(name: Name, reason: Reason = "", as_json: Json = False) -> None:
    """Skip the steps that are left: all of the traffic now, and the alias right after.

    Its gates are asked first. Ends with 1, and nothing has changed, when they do not allow it.
    """
    with _ordering("ordering") as orders:
        record = orders.promote(name, reason)
    _tell(record, as_json=as_json)


@app.command()
def pause(name: Name, reason: Reason = "", as_json: Json = False) -> None:
    """Stay at the present step. A version that fails is rolled back all the same."""
    with _ordering("ordering") as orders:
        record = orders.pause(name, reason)
    _tell(record, as_json=as_json)


@app.command()
def resume(name: Name, reason: Reason = "", as_json: Json = False) -> None:
    """Go on after a pause; the time at the step begins anew."""
    with _ordering("ordering") as orders:
        record = orders.resume(name, reason)
    _tell(record, as_json=as_json)


@app.command()
def abort(name: Name, reason: Reason = "", as_json: Json = False) -> None:
    """Give all of the traffic back to the champion, within a second.

    What is being promoted already is rolled back afterwards: `interlock model rollback`.
    """
    with _ordering("ordering") as orders:
        record = orders.abort(name, reason)
    _tell(record, as_json=as_json)


def _rules(file: Path, name: str, strategy: Strategy | None) -> Policy:
    """The policy in `file`, which must be of that model, with another strategy if one is given."""
    rules = policies.read(file)
    if rules.model.name != name:
        raise ConfigurationError(
            f"{file} is the policy of {rules.model.name}, not of {name}: name another with --policy"
        )
    if strategy is None:
        return rules
    return msgspec.structs.replace(
        rules, rollout=msgspec.structs.replace(rules.rollout, strategy=strategy)
    )


@contextmanager
def _ordering(what: str) -> Iterator[Orders]:
    with opened() as state, opened_registry(what) as registry:
        yield Orders(state.engine, registry, actor=actor(state.settings))


def _tell(record: Record, *, as_json: bool) -> None:
    with opened() as state:
        told = report.of(record, events.read(state.engine, record.id))
    if as_json:
        show_json(told)
        return
    out.print(title(told))
