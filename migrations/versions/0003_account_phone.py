"""An account's phone number, found by its last nine digits: with or without a prefix, however it is spaced."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Accounts from before have none."""
    op.execute("""
        ALTER TABLE accounts
            ADD COLUMN phone text,
            ADD COLUMN phone_ending text GENERATED ALWAYS AS (right(regexp_replace(phone, '[^0-9]', '', 'g'), 9)) STORED
    """)
    op.execute("CREATE INDEX accounts_phone_ending ON accounts (phone_ending)")
