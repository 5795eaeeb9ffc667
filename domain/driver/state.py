"""A driver as the events leave one."""

from uuid import UUID

import msgspec


class Driver(msgspec.Struct, frozen=True, kw_only=True):
    """One driver. `version` is the version of the last event folded in."""

    id: UUID
    version: int = 0
    name: str
    region: str
    capacity: int
    on_shift: bool = False
    silent: bool = False
    suspended: bool = False
    deliveries: tuple[UUID, ...] = ()
    """Orders carried now."""
