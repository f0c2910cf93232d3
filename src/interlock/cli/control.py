"""`interlock control`: moves rollouts on, rolls back what fails, and watches champions' floors."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import sqlalchemy as sa
import structlog
import typer

from interlock import log, settings
from interlock import policy as policies
from interlock.cli.output import Json, show_rows
from interlock.errors import DatabaseError, SchemaError
from interlock.journal import seal
from interlock.policy import Policy
from interlock.registry import Registry, environment
from interlock.rollout.controller import Controller, Outcome
from interlock.settings import Settings
from interlock.state import database, schema

_log = structlog.get_logger()

app = typer.Typer(help="Move rollouts on.", add_completion=False)

_ENDS = {signal.SIGTERM, signal.SIGINT}

Policies = Annotated[
    list[Path] | None,
    typer.Option(
        "--policy",
        metavar="FILE",
        help="Watch this model's champion by this policy. Repeatable. Default: the policy of its"
        " last rollout.",
        show_default=False,
    ),
]
Every = Annotated[float, typer.Option(min=0.05, help="Seconds between two looks.")]


@app.command()
def control(
    policy: Policies = None,
    *,
    every: Every = 1.0,
    once: Annotated[bool, typer.Option("--once", help="Look once, say what was decided.")] = False,
    as_json: Json = False,
) -> None:
    """Look at every rollout, decide by the evidence, act; again and again, until it is told to end.

    It may be killed at any moment, and several may run at once: the database keeps them apart.
    SIGTERM and Ctrl-C end it after the look that it is at. --json is for --once.
    """
    current = settings.read()
    rules = [policies.read(file) for file in policy or ()]
    log.configure(current)
    with _controller(current, rules) as (engine, controller):
        if once:
            schema.ensure(engine)
            _show(controller.tick(), as_json=as_json)
            return
        _loop(engine, controller, every)


@contextmanager
def _controller(
    current: Settings, rules: Sequence[Policy]
) -> Iterator[tuple[sa.Engine, Controller]]:
    environment.hasten()
    engine, registry = database.connect(current), Registry(current)
    opener = seal.opener(current)
    try:
        yield engine, Controller(engine, registry, policies=rules, opener=opener)
    finally:
        opener.close()
        registry.close()
        engine.dispose()


def _loop(engine: sa.Engine, controller: Controller, every: float) -> None:
    """Look until a signal comes; it waits until a look has been finished.

    A database that is away is asked again, and told of once.
    """
    # Not blocked and waited for: a thread of a library might take them instead.
    stop = threading.Event()
    for call in _ENDS:
        signal.signal(call, lambda *_: stop.set())
    told: dict[str, str] = {}
    ready, away = False, ""
    while True:
        try:
            if not ready:
                schema.ensure(engine)
                _log.info("watching rollouts", every=every, database=database.location(engine))
                ready = True
            with engine.connect() as connection:
                schema.hold(connection)
            _tell(controller.tick(), told)
            away = ""
        except SchemaError:
            raise
        except DatabaseError as error:
            if str(error) != away:
                away = str(error)
                _log.error("the database cannot be asked; trying again", reason=away)
        if stop.wait(every):
            return


def _tell(outcomes: Iterable[Outcome], told: dict[str, str]) -> None:
    """Log what has changed since the last look."""
    for record, decision in outcomes:
        state = f"{record.id} {record.status} {record.step} {decision.verdict}"
        if told.get(record.deployment) != state:
            told[record.deployment] = state
            _log.info(
                decision.sentence,
                model=f"{record.deployment}:{record.version}",
                status=record.status,
                decision=decision.action,
                verdict=decision.verdict,
            )


def _show(outcomes: Sequence[Outcome], *, as_json: bool) -> None:
    rows = [
        {
            "model": record.deployment,
            "version": record.version,
            "status": record.status,
            "decision": decision.action,
            "verdict": decision.verdict,
            "why": decision.sentence,
        }
        for record, decision in outcomes
    ]
    show_rows(rows, as_json=as_json, empty="no rollout is under way")
