"""The primary tables: the log, what is appended with it, reactions, accounts, the world's clock."""

from pathlib import Path

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create every table that is not derived from the log."""
    op.execute(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))
