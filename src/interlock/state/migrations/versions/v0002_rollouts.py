"""Routes, rollouts and watches; which row a shadow answered, and which version failed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the columns, make the tables."""
    op.add_column("interlock_predictions", sa.Column("primary_id", sa.Text))
    op.create_index("interlock_predictions_primary", "interlock_predictions", ["primary_id"])
    op.add_column("interlock_failures", sa.Column("version", sa.Text))
    op.add_column("interlock_failures", sa.Column("arm", sa.Text))
    op.create_table(
        "interlock_routes",
        sa.Column("deployment", sa.Text, primary_key=True),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.Column("document", sa.Text, nullable=False),
        sa.Column("moment", sa.BigInteger, nullable=False),
    )
    _rollouts()
    op.create_table(
        "interlock_rollout_events",
        sa.Column("rollout", sa.Text, primary_key=True),
        sa.Column("sequence", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("moment", sa.BigInteger, nullable=False),
        sa.Column("event", sa.Text, nullable=False),
        sa.Column("sentence", sa.Text, nullable=False),
        sa.Column("document", sa.Text, nullable=False),
        sa.Column("actor", sa.Text),
    )
    op.create_table(
        "interlock_watches",
        sa.Column("deployment", sa.Text, primary_key=True),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.Column("document", sa.Text, nullable=False),
    )


def _rollouts() -> None:
    texts = ("deployment", "version", "digest", "champion", "champion_digest", "strategy")
    op.create_table(
        "interlock_rollouts",
        sa.Column("id", sa.Text, primary_key=True),
        *(sa.Column(name, sa.Text, nullable=False) for name in texts),
        sa.Column("plan", sa.Text, nullable=False),
        sa.Column("policy", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("step", sa.Integer, nullable=False),
        sa.Column("since", sa.BigInteger, nullable=False),
        sa.Column("started", sa.BigInteger, nullable=False),
        sa.Column("ended", sa.BigInteger),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("evidence", sa.Text, nullable=False),
        sa.Column("watermark", sa.BigInteger, nullable=False),
        sa.Column("analysis", sa.Text, nullable=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
    )
    op.create_index(
        "interlock_rollouts_deployment", "interlock_rollouts", ["deployment", "started"]
    )
    running = sa.text("ended IS NULL")
    op.create_index(
        "interlock_rollouts_running",
        "interlock_rollouts",
        ["deployment"],
        unique=True,
        sqlite_where=running,
        postgresql_where=running,
    )
