"""The tables of ours beside MLflow's own. Each has the name of its chain and a number in it first.

A column that a table got later is nullable: `interlock.registry.log` adds it to tables that lack
it, and reads its NULL as the field's default.
"""

from __future__ import annotations

import sqlalchemy as sa

_META = sa.MetaData()

HISTORY = sa.Table(
    "interlock_history",
    _META,
    sa.Column("name", sa.String(128), primary_key=True),
    sa.Column("sequence", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("event", sa.String(16), nullable=False),
    sa.Column("alias", sa.String(255), nullable=False),
    sa.Column("number", sa.Integer),
    sa.Column("version", sa.String(255)),
    sa.Column("digest", sa.String(80)),
    sa.Column("actor", sa.String(255)),
    sa.Column("reason", sa.Text),
    sa.Column("settles", sa.Integer),
    sa.Column("since", sa.String(32), nullable=False),
    sa.Column("moment", sa.String(32), nullable=False),
    sa.Column("move", sa.String(16)),
    sa.Column("forced", sa.Boolean),
    sa.Column("previous", sa.String(64), nullable=False),
    sa.Column("hash", sa.String(64), nullable=False),
)
"""What happened to the aliases of a model."""

EVIDENCE = sa.Table(
    "interlock_evidence",
    _META,
    sa.Column("name", sa.String(128), primary_key=True),
    sa.Column("sequence", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("version", sa.String(255), nullable=False),
    sa.Column("digest", sa.String(80), nullable=False),
    sa.Column("champion", sa.String(80)),
    sa.Column("compares", sa.Boolean, nullable=False),
    sa.Column("gate", sa.String(64), nullable=False),
    sa.Column("verdict", sa.String(16), nullable=False),
    sa.Column("sentence", sa.Text, nullable=False),
    sa.Column("figures", sa.JSON, nullable=False),
    sa.Column("holdout", sa.String(80)),
    sa.Column("look", sa.Integer),
    sa.Column("alpha", sa.Double),
    sa.Column("policy", sa.String(80), nullable=False),
    sa.Column("needs", sa.JSON, nullable=False),
    sa.Column("run", sa.String(64), nullable=False),
    sa.Column("actor", sa.String(255)),
    sa.Column("moment", sa.String(32), nullable=False),
    sa.Column("previous", sa.String(64), nullable=False),
    sa.Column("hash", sa.String(64), nullable=False),
)
"""What gates found out about the versions of a model."""

HOLDOUTS = sa.Table(
    "interlock_holdouts",
    _META,
    sa.Column("holdout", sa.String(80), primary_key=True),
    sa.Column("sequence", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("model", sa.String(128), nullable=False),
    sa.Column("account", sa.String(80), nullable=False),
    sa.Column("shared", sa.Double, nullable=False),
    sa.Column("columns", sa.JSON, nullable=False),
    sa.Column("rows", sa.Text, nullable=False),
    sa.Column("also", sa.JSON),
    sa.Column("actor", sa.String(255)),
    sa.Column("moment", sa.String(32), nullable=False),
    sa.Column("previous", sa.String(64), nullable=False),
    sa.Column("hash", sa.String(64), nullable=False),
)
"""The rows of each holdout that was looked at, and with whose its looks are counted."""

LOOKS = sa.Table(
    "interlock_looks",
    _META,
    sa.Column("holdout", sa.String(80), primary_key=True),
    sa.Column("sequence", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("gate", sa.String(64), nullable=False),
    sa.Column("key", sa.String(255), nullable=False),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("alpha", sa.Double, nullable=False),
    sa.Column("actor", sa.String(255)),
    sa.Column("moment", sa.String(32), nullable=False),
    sa.Column("previous", sa.String(64), nullable=False),
    sa.Column("hash", sa.String(64), nullable=False),
)
"""How often each gate has looked at a holdout."""
