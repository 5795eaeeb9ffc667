"""The append function: the only way into the log."""

from pathlib import Path

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the types it takes and answers with, and the function."""
    op.execute(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))
