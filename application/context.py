"""Who asks, when, and why: what every command is given beside its own words."""

from datetime import datetime
from uuid import UUID

import msgspec

from application.store import Closing, Idempotency
from domain.event import Meta, Role


class Context(msgspec.Struct, frozen=True, kw_only=True):
    """One command's circumstances. `now` is business time."""

    meta: Meta
    now: datetime
    idempotency: Idempotency | None = None
    closing: Closing | None = None

    @property
    def role(self) -> Role:
        """The actor's role."""
        return self.meta.actor_type

    @property
    def actor_id(self) -> UUID | None:
        """The customer, driver or restaurant that acts, or the account of staff."""
        return self.meta.actor_id
