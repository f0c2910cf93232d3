"""The tables of the journal. They may lie in one database with MLflow's, hence the prefix.

What is here is the newest form; `interlock.state.migrations` holds how a database comes to it.
Moments are microseconds since 1970, UTC. Keys and subjects are keyed hashes of 16 bytes.
"""

from __future__ import annotations

import sqlalchemy as sa

META = sa.MetaData()

# Texts have no limits: PostgreSQL would refuse a longer one, and with it all that comes after it.

# SQLite numbers rows by itself only in a column whose type is exactly INTEGER.
Number = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def _given(name: str, *columns: str) -> sa.Index:
    """An index of the rows in which the first of `columns` is not NULL: most cost nothing then."""
    given = sa.text(f"{columns[0]} IS NOT NULL")
    return sa.Index(name, *columns, sqlite_where=given, postgresql_where=given)


PREDICTIONS = sa.Table(
    "interlock_predictions",
    META,
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
    sa.Column("primary_id", sa.Text),
    sa.Index("interlock_predictions_deployment", "deployment", "moment"),
    sa.Index("interlock_predictions_moment", "moment"),
    _given("interlock_predictions_key", "key", "moment"),
    _given("interlock_predictions_subject", "subject"),
    _given("interlock_predictions_primary", "primary_id"),
)
"""Every answered row. `label` is the class that was answered, `score` its probability or, for a
model of numbers, the number; both are NULL where `seal` names the key that the payload takes.
A shadow's row names in `primary_id` the row that the caller got."""

FAILURES = sa.Table(
    "interlock_failures",
    META,
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
    sa.Column("version", sa.Text),
    sa.Column("arm", sa.Text),
    sa.Index("interlock_failures_deployment", "deployment", "moment"),
    sa.Index("interlock_failures_moment", "moment"),
    sa.Index("interlock_failures_key", "key"),
    sa.Index("interlock_failures_subject", "subject"),
)
"""Every request that was refused or failed; `version` and `arm` where one was chosen by then."""

LABELS = sa.Table(
    "interlock_labels",
    META,
    sa.Column("arrival", Number, primary_key=True, autoincrement=True),
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
    sa.Index("interlock_labels_prediction", "prediction"),
    sa.Index("interlock_labels_key", "key", "at"),
    sa.Index("interlock_labels_received", "received"),
    sa.Index("interlock_labels_resolved", "resolved", "received"),
)
"""Every label that came, in the order of `arrival`; nothing is overwritten, so corrections are
further rows. `prediction` is NULL until the row's key and time have been resolved; `resolved` is
when the prediction was found here, NULL until then."""

CURSORS = sa.Table(
    "interlock_cursors",
    META,
    sa.Column("journal", sa.Text, primary_key=True),
    sa.Column("segment", sa.Text, primary_key=True),
    sa.Column("position", sa.BigInteger, nullable=False),
)
"""How far each segment of each journal has been written here, in bytes."""

ROUTES = sa.Table(
    "interlock_routes",
    META,
    sa.Column("deployment", sa.Text, primary_key=True),
    sa.Column("revision", sa.BigInteger, nullable=False),
    sa.Column("document", sa.Text, nullable=False),
    sa.Column("moment", sa.BigInteger, nullable=False),
)
"""Who answers what share of the requests, as JSON. No row: the champion answers all of them."""

ROLLOUTS = sa.Table(
    "interlock_rollouts",
    META,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("deployment", sa.Text, nullable=False),
    sa.Column("version", sa.Text, nullable=False),
    sa.Column("digest", sa.Text, nullable=False),
    sa.Column("champion", sa.Text, nullable=False),
    sa.Column("champion_digest", sa.Text, nullable=False),
    sa.Column("strategy", sa.Text, nullable=False),
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
    sa.Column("number", sa.BigInteger, nullable=False, server_default="0"),
    sa.Index("interlock_rollouts_deployment", "deployment", "started"),
    sa.Index(
        "interlock_rollouts_running",
        "deployment",
        unique=True,
        sqlite_where=sa.text("ended IS NULL"),
        postgresql_where=sa.text("ended IS NULL"),
    ),
)
"""Every rollout: its plan and rules, where it stands, and what is known of the version, as JSON.
At most one of a deployment has not ended. `watermark` is up to when traffic has been counted,
`number` counts the rollouts of a deployment."""

ROLLOUT_EVENTS = sa.Table(
    "interlock_rollout_events",
    META,
    sa.Column("rollout", sa.Text, primary_key=True),
    sa.Column("sequence", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("moment", sa.BigInteger, nullable=False),
    sa.Column("event", sa.Text, nullable=False),
    sa.Column("sentence", sa.Text, nullable=False),
    sa.Column("document", sa.Text, nullable=False),
    sa.Column("actor", sa.Text),
)
"""What happened to a rollout, or to the watch over a deployment's floor, and why."""

WATCHES = sa.Table(
    "interlock_watches",
    META,
    sa.Column("deployment", sa.Text, primary_key=True),
    sa.Column("revision", sa.BigInteger, nullable=False),
    sa.Column("document", sa.Text, nullable=False),
)
"""The watch over the floor of each deployment's champion, as JSON."""

TIES = sa.Table(
    "interlock_ties",
    META,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("value", sa.BigInteger, nullable=False),
)
"""What the data here depend on and cannot be read without: the check of the hash key."""
