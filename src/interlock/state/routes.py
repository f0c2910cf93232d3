"""Routes in SQL: who answers what share of the requests to a deployment, as a document."""

from __future__ import annotations

import msgspec
import sqlalchemy as sa

from interlock.state.tables import ROUTES


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """The route of a deployment: JSON of `interlock.routing.route.Route`."""

    deployment: str
    revision: int
    document: str
    moment: int


def read(connection: sa.Connection, deployment: str) -> Kept | None:
    """The route of `deployment`; None when its champion answers everything."""
    query = sa.select(ROUTES).where(ROUTES.c.deployment == deployment)
    found = connection.execute(query).mappings().first()
    return None if found is None else Kept(**found)


def everything(connection: sa.Connection) -> list[Kept]:
    """Every route, in the order of the deployments' names."""
    rows = connection.execute(sa.select(ROUTES).order_by(ROUTES.c.deployment))
    return [Kept(**row) for row in rows.mappings()]


def write(connection: sa.Connection, route: Kept) -> None:
    """Put `route` in the place of the one that is there."""
    connection.execute(_WRITE, msgspec.structs.asdict(route))


def remove(connection: sa.Connection, deployment: str) -> None:
    """Leave everything to the champion."""
    connection.execute(sa.delete(ROUTES).where(ROUTES.c.deployment == deployment))


_WRITE = sa.text(
    "INSERT INTO interlock_routes (deployment, revision, document, moment)"
    " VALUES (:deployment, :revision, :document, :moment)"
    " ON CONFLICT (deployment) DO UPDATE SET revision = excluded.revision,"
    " document = excluded.document, moment = excluded.moment"
)
