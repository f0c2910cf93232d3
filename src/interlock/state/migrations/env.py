"""What Alembic runs: the migrations, in the transaction of whoever called it."""

from __future__ import annotations

from alembic import context

from interlock.state.schema import VERSIONS

context.configure(connection=context.config.attributes["connection"], version_table=VERSIONS)
context.run_migrations()
