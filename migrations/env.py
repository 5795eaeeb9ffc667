"""Alembic's entry: run the revisions on the connection that `runner.upgrade` hands over, under a lock."""

from alembic import context
from sqlalchemy import text

MIGRATION_LOCK = 7_214_001
"""Advisory lock; `append` has 7_214_002."""

connection = context.config.attributes["connection"]
context.configure(connection=connection, transactional_ddl=True)

# Waiting for another migration may take as long as that one takes; waiting for a table in use may not,
# because everybody else queues up behind the waiting DDL.
connection.execute(text("SET LOCAL lock_timeout = '120s'"))
connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": MIGRATION_LOCK})
connection.execute(text("SET LOCAL lock_timeout = '4s'"))
connection.execute(text("SET LOCAL statement_timeout = '120s'"))

with context.begin_transaction():
    context.run_migrations()
