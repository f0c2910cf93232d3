"""Predictions, failures, labels and cursors."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the first tables."""
    _predictions()
    _failures()
    _labels()
    op.create_table(
        "interlock_cursors",
        sa.Column("journal", sa.Text, primary_key=True),
        sa.Column("segment", sa.Text, primary_key=True),
        sa.Column("position", sa.BigInteger, nullable=False),
    )


def _predictions() -> None:
    op.create_table(
        "interlock_predictions",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("moment", sa.BigInteger, nullable=False),
        sa.Column("deployment", sa.Text, nullable=False),
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("arm", sa.Text, nullable=False),
        sa.Column("door", sa.Text, nullable=False),
        sa.Column("key", sa.LargeBinary),
        sa.Column("subject", sa.LargeBinary),
        sa.Column("latency", sa.Double, nullable=False),
        sa.Column("caller", sa.Text),
        sa.Column("label", sa.Text),
        sa.Column("score", sa.Double),
        sa.Column("payload", sa.LargeBinary, nullable=False),
        sa.Column("seal", sa.LargeBinary),
    )
    _index("predictions", "deployment", "deployment", "moment")
    _index("predictions", "moment", "moment")
    _index("predictions", "key", "key", "moment")
    _index("predictions", "subject", "subject")


def _failures() -> None:
    op.create_table(
        "interlock_failures",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("moment", sa.BigInteger, nullable=False),
        sa.Column("deployment", sa.Text, nullable=False),
        sa.Column("door", sa.Text, nullable=False),
        sa.Column("code", sa.Text, nullable=False),
        sa.Column("status", sa.Integer, nullable=False),
        sa.Column("latency", sa.Double, nullable=False),
        sa.Column("key", sa.LargeBinary),
        sa.Column("caller", sa.Text),
        sa.Column("body", sa.LargeBinary),
        sa.Column("seal", sa.LargeBinary),
        sa.Column("subject", sa.LargeBinary),
    )
    _index("failures", "deployment", "deployment", "moment")
    _index("failures", "moment", "moment")
    _index("failures", "key", "key")
    _index("failures", "subject", "subject")


def _labels() -> None:
    number = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    op.create_table(
        "interlock_labels",
        sa.Column("arrival", number, primary_key=True, autoincrement=True),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("prediction", sa.Text),
        sa.Column("deployment", sa.Text),
        sa.Column("key", sa.LargeBinary),
        sa.Column("at", sa.BigInteger),
        sa.Column("value", sa.LargeBinary, nullable=False),
        sa.Column("seal", sa.LargeBinary),
        sa.Column("observed", sa.BigInteger),
        sa.Column("received", sa.BigInteger, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("resolved", sa.BigInteger),
        sa.UniqueConstraint("id", name="interlock_labels_id"),
    )
    _index("labels", "prediction", "prediction")
    _index("labels", "key", "key", "at")
    _index("labels", "received", "received")
    _index("labels", "resolved", "resolved", "received")


def _index(table: str, name: str, *columns: str) -> None:
    op.create_index(f"interlock_{table}_{name}", f"interlock_{table}", list(columns))
