"""Where drivers were: a table partitioned by time, beside the log. It tells about people, so it is kept for days."""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Partitions, an hour each, are made ahead and dropped by a clock job; see application/tracks.py."""
    op.execute("""
        CREATE TABLE driver_positions (
            driver_id uuid NOT NULL,
            at timestamptz NOT NULL,
            lat double precision NOT NULL,
            lon double precision NOT NULL
        ) PARTITION BY RANGE (at)
    """)
    op.execute("CREATE INDEX driver_positions_driver ON driver_positions (driver_id, at)")
    # Whose positions must not be written any more; there are few, and every batch asks.
    op.execute("CREATE INDEX accounts_disabled ON accounts (subject_id) WHERE disabled_at IS NOT NULL")
