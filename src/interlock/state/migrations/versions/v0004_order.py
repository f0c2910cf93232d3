"""The order in which rollouts began: clocks may go back, so the moments do not tell it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Number the rollouts of each deployment, those that there are by their moments."""
    op.add_column(
        "interlock_rollouts", sa.Column("number", sa.BigInteger, nullable=False, server_default="0")
    )
    op.execute(
        "UPDATE interlock_rollouts SET number = (SELECT count(*) FROM interlock_rollouts AS other"
        " WHERE other.deployment = interlock_rollouts.deployment"
        " AND (other.started < interlock_rollouts.started"
        " OR (other.started = interlock_rollouts.started AND other.id <= interlock_rollouts.id)))"
    )
