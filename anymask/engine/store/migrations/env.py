"""What Alembic runs: the migrations, in the transaction that ``migrating.migrate`` is in."""

from __future__ import annotations

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    version_table=context.config.attributes["version_table"],
    render_as_batch=True,  # SQLite alters few tables in place
)
with context.begin_transaction():
    context.run_migrations()
