"""Events that a projection was allowed to skip, and projections that an operator pauses."""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """One row an event and projection."""
    op.execute("""
        CREATE TABLE projection_dead_letters (
            name text NOT NULL,
            position bigint NOT NULL,
            topic text NOT NULL,
            stream_id uuid NOT NULL,
            error text NOT NULL,
            skipped_at timestamptz NOT NULL DEFAULT clock_timestamp(),
            PRIMARY KEY (name, position)
        )
    """)
    op.execute("ALTER TABLE projection_positions DROP CONSTRAINT projection_positions_state_check")
    op.execute("""
        ALTER TABLE projection_positions ADD CONSTRAINT projection_positions_state_check
            CHECK (state IN ('live', 'building', 'stopped', 'paused', 'retired'))
    """)
