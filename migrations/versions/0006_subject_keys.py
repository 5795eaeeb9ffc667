"""The keys of data subjects, for whom personal data is encrypted from here on."""

from alembic import op

from migrations.runner import SUBJECT_KEYS

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Their table; what was stored in the clear before is encrypted by tools/encrypt_log.py."""
    op.execute(SUBJECT_KEYS.read_text(encoding="utf-8"))
