"""Find events by their correlation id. A B-tree: clients choose the id, and a hash index suffers from repetition."""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Locks the log against appends while it is built: on a large log build it beforehand, CONCURRENTLY."""
    op.execute("CREATE INDEX IF NOT EXISTS events_correlation_id ON events (correlation_id)")
