"""Follows a rollout from its beginning to its end, and has it shown."""

from __future__ import annotations

import time
from collections.abc import Callable

import sqlalchemy as sa

from interlock.demo.show import Screen, Seen
from interlock.demo.tally import Tally
from interlock.errors import InterlockError
from interlock.rollout import report
from interlock.rollout.report import Report
from interlock.state import events

_LOOK = 0.5  # seconds between two looks
_PATIENCE = 240.0  # seconds that it may take


def follow(
    engine: sa.Engine, name: str, screen: Screen, tally: Tally, check: Callable[[], None]
) -> Report:
    """Show the last rollout of `name` on `screen` until it ends; how it ended.

    `check` raises when what it needs is gone. Raises InterlockError when it takes for ever.
    """
    began, known = time.monotonic(), 0
    while True:
        check()
        tally.look()
        found = report.last(engine, name)
        if found is None:
            raise InterlockError(f"there is no rollout of {name}")
        happened = events.read(engine, found.id)
        screen.show(Seen(found, happened, happened[known:], tally))
        known = len(happened)
        if found.ended is not None:
            return found
        if time.monotonic() - began > _PATIENCE:
            raise InterlockError(f"{found.version} is still {found.status}: {found.sentence}")
        time.sleep(_LOOK)
