"""Ids are UUIDv7: unique without asking, and in order of creation."""

from uuid import UUID

import uuid_utils


def new_id() -> UUID:
    """Make a UUIDv7 as the standard library's UUID (which makes none before Python 3.14)."""
    return UUID(int=uuid_utils.uuid7().int)
