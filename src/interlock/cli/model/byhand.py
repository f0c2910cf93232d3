"""A champion that a person moves while a rollout is under way: the rollout ends with it.

So it is in force at once, whether or not a controller runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from interlock import settings
from interlock.cli.output import err
from interlock.errors import DatabaseError
from interlock.registry import Reference, Registry, Version
from interlock.registry.actor import actor
from interlock.registry.reference import CHAMPION

if TYPE_CHECKING:
    from interlock.rollout.orders import Orders
    from interlock.state.rollouts import Record


@contextmanager
def moving(
    registry: Registry, name: str, alias: str, version: str | None
) -> Iterator[Callable[[], None]]:
    """While the block puts `alias` on `version`, or takes it away.

    When that is the champion, what is yielded ends the rollout of another version: it has to be
    called before the alias moves. That of the same version ends when the block does, so that nobody
    goes back and forth.
    """

    def first() -> None:
        if alias == CHAMPION:
            _order(registry, name, lambda orders: orders.give_way(name, version))

    yield first
    if alias == CHAMPION and version is not None:
        _order(registry, name, lambda orders: orders.arrive(name, version))


def rollback(registry: Registry, name: str, reason: str) -> Version:
    """Go back to the champion before; from what is only being promoted, to the present one."""
    given = _order(registry, name, lambda orders: orders.give_way(name, among=("promoting",)))
    if given is None:
        with moving(registry, name, CHAMPION, None) as first:
            return registry.rollback(name, reason, first=first)
    champion = registry.resolve(Reference(name=name, alias=CHAMPION))
    if champion.digest != given.digest:
        return champion
    return registry.rollback(name, reason, of=given.digest)


def _order(registry: Registry, name: str, what: Callable[[Orders], Record | None]) -> Record | None:
    """What is ordered, where there is a database.

    One that is away keeps nobody from moving the champion: the controller sees it afterwards.
    """
    # Most commands about models ask no rollouts, and need not wait for all that judges them.
    from interlock.rollout.orders import Orders  # noqa: PLC0415
    from interlock.state import database  # noqa: PLC0415
    from interlock.state.rollouts import there  # noqa: PLC0415

    current = settings.read()
    engine = database.connect(current)
    try:
        if not there(engine):
            return None
        return what(Orders(engine, registry, actor=actor(current)))
    except DatabaseError as error:
        err.print(f"interlock: a rollout of {name}, if there is one, goes on for now: {error}")
        return None
    finally:
        engine.dispose()
