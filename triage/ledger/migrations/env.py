"""Alembic's entry point: runs migrations over the connection that triage.ledger.migrate hands in."""

from alembic import context

from triage.ledger.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
