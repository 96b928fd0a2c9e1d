"""Alembic's door to the ledger: migrations run in the connection that models/ledger.py hands over."""

from alembic import context

from models.ledger import metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
